"""Reads the ledger's rows for reports: days of a key, a team, everybody, and who spent most."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from shared.store import sums
from shared.store.connection import Document, Store, translated
from shared.store.pages import Owner, Wanted
from shared.store.sums import Line, Party, listed

By = Literal["id", "key", "user", "team"]

IN_ONE_BATCH = 200
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
        """Yield the rows under a name (`shared.store.sums.named` or `listed`), in no order."""
        query = {"names": name, "day": {"$gte": first, "$lte": last}}
        cursor = self._rows.find(query, {"slots": 0, "names": 0}).batch_size(IN_ONE_BATCH)
        with translated():
            async for row in cursor:
                yield _day(row)

    async def callers(self, wanted: Wanted, first: str, last: str) -> AsyncIterator[Day]:
        """Yield the rows of the callers that are wanted; its customer and tag say nothing here."""
        async for day in self.days(_callers_name(wanted), first, last):
            if wanted.includes(Owner(Party(day.key, day.user, day.team, day.organization, ""), wanted.group, ())):
                yield day

    async def biggest(self, name: str, by: By, first: str, last: str, *, limit: int) -> list[Rank]:
        """Return who spent most of the rows under a name, by the field that says who."""
        steps: list[Any] = [
            {"$match": {"names": name, "day": {"$gte": first, "$lte": last}}},
            {"$group": {"_id": f"${by}", "spend": {"$sum": "$spend"}, "alias": {"$last": "$alias"}}},
            {"$sort": {"spend": -1, "_id": 1}},
            {"$limit": limit},
        ]
        with translated():
            found = await _aggregated(self._rows, steps)
        return [Rank(item["_id"] or "", int(item["spend"]), item.get("alias") or "") for item in found]


def _callers_name(wanted: Wanted) -> str:
    if wanted.key or wanted.user:
        return wanted.name
    if wanted.team:
        return listed("caller", "team", wanted.team)
    if wanted.organization:
        return listed("caller", "organization", wanted.organization)
    return listed("caller")


async def _aggregated(collection: Any, steps: list[Any]) -> list[Document]:
    """Return what a pipeline gives; Motor returns a cursor, PyMongo a coroutine of one."""
    cursor = collection.aggregate(steps)
    if not hasattr(cursor, "to_list"):
        cursor = await cursor
    found: list[Document] = await cursor.to_list(length=None)
    return found


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
