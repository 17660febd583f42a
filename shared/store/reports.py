"""Reads the ledger's rows for reports: days of a key, a team, everybody, and who spent most."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.store import sums
from shared.store.connection import Document, Store, translated
from shared.store.pages import Owner, Wanted
from shared.store.sheets import By, Sheets, Spent
from shared.store.sums import ALL, Line, Party, is_list, listed

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
        self._sheets = Sheets(store)

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

    async def spent_by_day(self, name: str, by: By, first: str, last: str) -> AsyncIterator[tuple[str, list[Spent]]]:
        """Yield days with what their rows under a list's name say, by the field that says who; a day may come again."""
        for everybody in await self._sheets.days(first, last):
            async for some in self._sheets.read(everybody, name, by):
                yield everybody["day"], some

    async def biggest(self, name: str, by: By, first: str, last: str, *, limit: int) -> list[Rank]:
        """Return who spent most of the rows under a name, by the field that says who.

        Summed here: the embedded store takes 20 µs to give a row, and 120 to group it.
        """
        spent: dict[str, int] = {}
        aliases: dict[str, str] = {}
        async for some in self._some(name, by, first, last):
            for id, spend, alias in some:
                spent[id] = spent.get(id, 0) + spend
                if alias:
                    aliases[id] = alias
        most = await asyncio.to_thread(heapq.nsmallest, limit, spent, key=lambda id: (-spent[id], id))
        return [Rank(id, spent[id], aliases.get(id, "")) for id in most]

    async def _some(self, name: str, by: By, first: str, last: str) -> AsyncIterator[list[Spent]]:
        if is_list(name):
            async for _, some in self.spent_by_day(name, by, first, last):
                yield some
            return
        async for row in self._read(name, first, last, {by: 1, "spend": 1, "alias": 1}):
            yield [Spent(str(row.get(by, "")), int(row.get("spend", 0)), row.get("alias") or "")]

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
