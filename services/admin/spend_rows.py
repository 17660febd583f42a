"""The ledger's rows whose sum is what is wanted, the fewest of them."""

from collections.abc import AsyncIterator

from services.admin.domain.spend_window import Days
from shared.store.ledger import Ledger
from shared.store.pages import Wanted
from shared.store.reports import Day
from shared.store.sums import ALL, named


def rows_of(ledger: Ledger, wanted: Wanted, days: Days) -> AsyncIterator[Day]:
    """Yield the rows in no order; raises `StoreUnavailable`."""
    if wanted == Wanted():
        return ledger.reports.days(ALL, *days)
    if wanted == Wanted(team=wanted.team):
        return ledger.reports.days(named("team", wanted.team), *days)
    return ledger.reports.callers(wanted, *days)
