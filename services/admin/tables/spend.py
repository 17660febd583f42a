"""What was spent."""

from services.admin.current import Current
from services.admin.handlers import Handler
from services.admin.spend import SpendRoutes
from services.admin.spend_access import SpendAccess
from services.admin.spend_activity import SpendActivity
from services.admin.spend_calculating import SpendCalculating
from services.admin.spend_counts import SpendCounts
from services.admin.spend_export import SpendExport
from services.admin.spend_reports import SpendReports
from shared.pricing.table import PriceTable
from shared.settings import Runtime
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.models import Models


def spend_table(store: Store, ledger: Ledger, runtime: Runtime, current: Current) -> dict[str, Handler]:
    """Return the handlers by the names of their routes."""
    access = SpendAccess(store, ledger, runtime.secret)
    logs = SpendRoutes(ledger, access)
    export = SpendExport(ledger, logs)
    reports = SpendReports(store, ledger, access)
    activity = SpendActivity(store, ledger, access)
    counts = SpendCounts(ledger, access)
    calculating = SpendCalculating(Models(store), current, PriceTable(runtime.configuration.pricing.file))
    return {
        "spend_logs": logs.logs,
        "spend_logs_export": export.export,
        "spend_keys": reports.keys,
        "spend_users": reports.users,
        "spend_teams": reports.teams,
        "spend_tags": reports.tags,
        "global_spend": reports.total,
        "global_spend_logs": reports.by_day,
        "global_spend_keys": reports.global_keys,
        "global_spend_models": reports.models,
        "global_spend_provider": reports.providers,
        "global_spend_tags": reports.global_tags,
        "global_spend_tag_names": reports.tag_names,
        "global_spend_teams": reports.by_team,
        "global_spend_report": reports.report,
        "global_activity": counts.activity,
        "global_activity_model": counts.by_model,
        "spend_calculate": calculating.calculate,
        "user_daily_activity": activity.of_users,
        "team_daily_activity": activity.of_teams,
        "organization_daily_activity": activity.of_organizations,
        "customer_daily_activity": activity.of_customers,
        "tag_daily_activity": activity.of_tags,
    }
