"""Reads the ledger's rows for reports: days of a key, a team, everybody, and who spent most."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from shared.store import sums
from shared.store.connection import Document, Store, translated
from shared.store.pages import Owner, Wanted
from shared.store.sums import ALL, Line, Party, is_list, listed

By = Literal["id", "key", "user", "team"]

IN_ONE_BATCH = 1000
"""Rows that are in memory at once."""


@dataclass(frozen=True, slots=True)
class Day:
    """One row: what somebody used on a day (UTC), by model. Ids are empty where the row is not of a caller."""

    day: str
    kind: str
    id: str
    key: str
    alias: str
    """The key's name for people, as it was on that day."""
    user: str
    team: str
    organization: str
    lines: tuple[tuple[Line, dict[str, int]], ...]

    @property
    def totals(self) -> dict[str, int]:
        """Return the figures over all models."""
        found = dict.fromkeys(sums.AMOUNTS, 0)
        for _, amounts in self.lines:
            for name, amount in amounts.items():
                found[name] += amount
        return found


class Rank(NamedTuple):
    """What one of many spent, in nano-dollars."""

    id: str
    spend: int
    alias: str


class Reports:
    """Every method raises `StoreUnavailable`. Days are `YYYY-MM-DD`, the last one included."""

    def __init__(self, store: Store) -> None:
        self._rows = store.database.rollups

    async def days(self, name: str, first: str, last: str) -> AsyncIterator[Day]:
        """Yield the rows under a name (`shared.store.sums.named` or `listed`), in no order; openings are in none."""
        async for row in self._read(name, first, last, {"slots": 0, "names": 0}):
            if row["kind"] != "opening":
                yield _day(row)

    async def callers(self, wanted: Wanted, first: str, last: str) -> AsyncIterator[Day]:
        """Yield the rows of the callers that are wanted; its customer and tag say nothing here."""
        async for day in self.days(_callers_name(wanted), first, last):
            if wanted.includes(Owner(Party(day.key, day.user, day.team, day.organization, ""), wanted.group, ())):
                yield day

    async def biggest(self, name: str, by: By, first: str, last: str, *, limit: int) -> list[Rank]:
        """Return who spent most of the rows under a name, by the field that says who.

        Summed here: the embedded store takes 20 µs to give a row, and 120 to group it.
        """
        spent: dict[str, int] = {}
        aliases: dict[str, str] = {}
        async for row in self._read(name, first, last, {by: 1, "spend": 1, "alias": 1}):
            id = str(row.get(by, ""))
            spent[id] = spent.get(id, 0) + int(row.get("spend", 0))
            aliases[id] = row.get("alias") or aliases.get(id, "")
        most = sorted(spent, key=lambda id: (-spent[id], id))[:limit]
        return [Rank(id, spent[id], aliases[id]) for id in most]

    async def _read(self, name: str, first: str, last: str, fields: Document) -> AsyncIterator[Document]:
        """Yield rows; those of a list day by day: the embedded store answers nobody else while it reads."""
        span: Document = {"$gte": first, "$lte": last}
        with translated():
            days: list[Any] = [span]
            if is_list(name):
                known = await self._rows.find({"names": ALL, "day": span}, {"day": 1}).to_list(length=None)
                days = sorted(row["day"] for row in known)
            for day in days:
                cursor = self._rows.find({"names": name, "day": day}, fields).batch_size(IN_ONE_BATCH)
                async for row in cursor:
                    yield row


def _callers_name(wanted: Wanted) -> str:
    if wanted.key or wanted.user:
        return wanted.name
    if wanted.team:
        return listed("caller", "team", wanted.team)
    if wanted.organization:
        return listed("caller", "organization", wanted.organization)
    return listed("caller")


def _day(row: Document) -> Day:
    return Day(
        day=row["day"],
        kind=row["kind"],
        id=row["id"],
        key=row.get("key", ""),
        alias=row.get("alias", ""),
        user=row.get("user", ""),
        team=row.get("team", ""),
        organization=row.get("organization", ""),
        lines=tuple(sums.lines_of(row)),
    )
