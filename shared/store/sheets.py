"""Who spent how much on a day that is over, as one document: rankings of a month read sheets instead of rows.

A *sheet* lists all that a day's rows under a name list: each key, user or team with its spend. It is made of the rows
and is true as long as the day's row of everybody says what it said then, for no request changes another row alone. So
a late event makes a sheet untrue by itself, and whoever comes upon it makes it anew.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec
from pymongo.errors import DuplicateKeyError

from shared.schemas.scopes import SEPARATOR
from shared.store.checking import paths_of
from shared.store.connection import Document, Store, translated
from shared.store.sums import ALL, day_of, listed

By = Literal["id", "key", "user", "team"]
"""The field of a row that says who."""

KEPT: tuple[tuple[str, By], ...] = ((listed("caller"), "key"), (listed("caller"), "user"), (listed("team"), "id"))
"""The lists that have sheets, by whom they are summed."""

ON_ONE_PAGE = 5000
"""Entries of one document, half a megabyte: reading them holds an event loop for a few milliseconds."""

IN_ONE_BATCH = 1000
"""Rows that are in memory at once."""

REST = 9
"""While sheets are made in advance, so many times as long as it took is left to others."""


class Spent(NamedTuple):
    """What one of many spent on a day, in nano-dollars."""

    id: str
    spend: int
    alias: str


_pages = msgspec.msgpack.Decoder(list[Spent])


class Sheets:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, store: Store, *, on_one_page: int = ON_ONE_PAGE) -> None:
        self._rows = store.database.rollups
        self._sheets = store.database.day_sheets
        self._on_one_page = on_one_page
        self._seen: dict[str, str] = {}
        """What sheets were made of that were there at the last look, by their ids."""

    async def days(self, first: str, last: str) -> list[Document]:
        """Return the rows of everybody, day by day."""
        with translated():
            rows = await self._rows.find({"names": ALL, "day": {"$gte": first, "$lte": last}}).to_list(length=None)
        return sorted(rows, key=lambda row: str(row["day"]))

    async def read(self, everybody: Document, name: str, by: By) -> AsyncIterator[list[Spent]]:
        """Yield what a list's rows of a day say, by who it was, some at a time; a day that is over gets its sheet."""
        with translated():
            found = await self._stored(everybody, name, by) if is_kept(name, by) else None
            if found is None:
                sums = await self._added(everybody["day"], name, by)
                if is_kept(name, by) and everybody["day"] < day_of(int(time.time())):
                    await self._keep(everybody, name, by, sums)
        pages = self._paged(sums) if found is None else map(_pages.decode, found)
        for page in pages:
            yield page

    async def make(self, *, rest: float = REST) -> int:
        """Make the sheets that are missing, with rests of so many times as long as each took; return how many."""
        made = 0
        over: Document = {"names": ALL, "day": {"$lt": day_of(int(time.time()))}}
        with translated():
            ids = [row["_id"] for row in await self._rows.find(over, {"_id": 1}).to_list(length=None)]
        for id in sorted(ids):
            # One row at a time: they are large where there are many models, and a ledger has years of them.
            with translated():
                everybody = await self._rows.find_one({"_id": id})
            if everybody is not None:
                made += await self._make(everybody, rest)
        return made

    async def _make(self, everybody: Document, rest: float) -> int:
        made, mark = 0, _mark(everybody)
        for name, by in KEPT:
            began = time.monotonic()
            with translated():
                if await self._is_there(_id(everybody["day"], name, by), mark):
                    continue
                await self._keep(everybody, name, by, await self._added(everybody["day"], name, by))
            made += 1
            await asyncio.sleep(rest * (time.monotonic() - began))
        return made

    def _paged(self, sums: Mapping[str, Spent]) -> Iterator[list[Spent]]:
        entries = iter(sums.values())
        while page := list(islice(entries, self._on_one_page)):
            yield page

    async def _added(self, day: str, name: str, by: By) -> dict[str, Spent]:
        sums: dict[str, Spent] = {}
        query = {"names": name, "day": day}
        async for row in self._rows.find(query, {by: 1, "spend": 1, "alias": 1}).batch_size(IN_ONE_BATCH):
            id = str(row.get(by, ""))
            before = sums.get(id)
            spend, alias = int(row.get("spend", 0)), str(row.get("alias", ""))
            sums[id] = Spent(id, spend + before.spend, alias or before.alias) if before else Spent(id, spend, alias)
        return sums

    async def _is_there(self, id: str, mark: str) -> bool:
        if self._seen.get(id) != mark:
            found = await self._sheets.find_one({"_id": id}, {"of": 1})
            if found is None or found["of"] != mark:
                return False
            self._seen[id] = mark
        return True

    async def _stored(self, everybody: Document, name: str, by: By) -> list[bytes] | None:
        id, mark = _id(everybody["day"], name, by), _mark(everybody)
        head = await self._sheets.find_one({"_id": id})
        if head is None or head["of"] != mark:
            return None
        found = [head["entries"]]
        for page in _further(id, head):
            # Somebody who made it anew meanwhile takes away what it had before.
            if (more := await self._sheets.find_one({"_id": page})) is None:
                return None
            found.append(more["entries"])
        return found

    async def _keep(self, everybody: Document, name: str, by: By, sums: Mapping[str, Spent]) -> None:
        """Store a sheet, unless something was written while it was added up."""
        id, mark = _id(everybody["day"], name, by), _mark(everybody)
        now = await self._rows.find_one({"_id": everybody["_id"]})
        if now is None or _mark(now) != mark:
            return
        first, *others = [msgspec.msgpack.encode(page) for page in self._paged(sums)] or [msgspec.msgpack.encode([])]
        head: Document = {"of": mark, "entries": first, "more": len(others)}
        # The first page comes last: whoever finds it finds all.
        with suppress(DuplicateKeyError):
            for page, entries in zip(_further(id, head), others, strict=True):
                await self._sheets.replace_one({"_id": page}, {"entries": entries}, upsert=True)
            before = await self._sheets.find_one_and_replace({"_id": id}, head, {"of": 1, "more": 1}, upsert=True)
            if before is not None and before["of"] != mark:
                for page in _further(id, before):
                    await self._sheets.delete_one({"_id": page})


def is_kept(name: str, by: By) -> bool:
    """Tell whether a list has sheets."""
    return (name, by) in KEPT


def _id(day: str, name: str, by: By) -> str:
    return SEPARATOR.join((name, by, day))


def _further(id: str, head: Mapping[str, Any]) -> list[str]:
    return [SEPARATOR.join((id, head["of"], str(number))) for number in range(int(head["more"]))]


def _mark(everybody: Mapping[str, Any]) -> str:
    """Return a digest of all figures of a day's row of everybody."""
    said = sorted(f"{path}={amount}" for path, amount in paths_of(everybody) if amount)
    return hashlib.blake2b("\n".join(said).encode(), digest_size=16).hexdigest()
