"""Fills a store by plain bulk writes, without transactions and before there are indexes; what is cut goes on."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.store_shape import Population, Shape
from shared.schemas.events import Completion
from shared.store import entries, pages
from shared.store.cards import Cards
from shared.store.checking import document_of
from shared.store.connection import Document, Store
from shared.store.key_counts import BEGUN
from shared.store.objects import is_duplicate
from shared.store.setup import ensure_indexes
from shared.store.sheets import Sheets
from shared.store.shelves import ROOM
from shared.store.sums import Tally

AT_ONCE = 2000
"""Documents of one write."""

IN_BATCH = 500
"""Completions that billing would have written together: they share pages."""

NOTES = "load_notes"
"""The collection that says what was loaded, so that a second run goes on."""


async def noted_shape(store: Store) -> Shape | None:
    """Return what an earlier run began to load."""
    note = await store.database[NOTES].find_one({"_id": "shape"})
    return Shape(**{name: value for name, value in note.items() if name != "_id"}) if note else None


class Filling:
    """Loads what is not there yet."""

    def __init__(self, store: Store, shape: Shape, population: Population) -> None:
        self._database = store.database
        self._store = store
        self._shape = shape
        self._population = population

    async def run(self) -> None:
        """Load everything, then make the indexes as every start of Tollway does, and the sheets and cards."""
        shape, made = self._shape, self._population
        await self._database[NOTES].replace_one({"_id": "shape"}, shape.facts, upsert=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn()) as bar:
            for name, total in (
                ("teams", shape.teams), ("users", shape.users), ("memberships", shape.users), ("keys", shape.keys),
            ):  # fmt: skip
                await self._some(bar, name, total, getattr(made, name))
            await self._shelve()
            await self._count_keys()
            await self._ledger(bar)
            task = bar.add_task("indexes", total=1)
            await ensure_indexes(self._store)
            bar.advance(task)
            task = bar.add_task("sheets and cards", total=1)
            await Sheets(self._store).make(rest=0)
            async for _ in Cards(self._store, "users").read():
                pass
            bar.advance(task)

    async def _some(self, bar: Progress, name: str, total: int, made: Any) -> None:
        done = await self._done(name)
        task = bar.add_task(name, total=total, completed=done)
        for batch in _batches(made(done)):
            await self._write(name, batch)
            done += len(batch)
            await self._note(name, done)
            bar.advance(task, len(batch))

    async def _shelve(self) -> None:
        """Say how many stand on each shelf, unless that was said already."""
        for kind, number in self._population.on_shelves().items():
            full, rest = divmod(number, ROOM)
            on = {str(shelf): ROOM for shelf in range(full)} | ({str(full): rest} if rest else {})
            for collection, fact in (("shelves", {"on": on}), ("counters", {"number": number})):
                with suppress(DuplicateKeyError):
                    await self._database[collection].insert_one({"_id": kind, **fact})

    async def _count_keys(self) -> None:
        counts = self._population.key_counts()
        for some in _batches(({"_id": owner, "number": number} for owner, number in counts.items())):
            await self._write("key_counts", some)
        await self._write("key_counts", [BEGUN])

    async def _ledger(self, bar: Progress) -> None:
        first = await self._done("days")
        task = bar.add_task("ledger", total=self._shape.documents)
        bar.advance(task, first * self._shape.documents // self._shape.days)
        for day in range(first, self._shape.days):
            tally, made = Tally(), self._population.completions(day)
            for number, batch in enumerate(_batches(made, IN_BATCH)):
                for completion in batch:
                    tally.add(completion)
                await asyncio.gather(
                    self._write("ledger", [entries.document(completion) for completion in batch]),
                    self._write("ledger_pages", _pages(f"{day}-{number}", batch)),
                )
                bar.advance(task, len(batch))
            rows = ({"_id": row.text, **document_of(change)} for row, change in tally.rows().items())
            for some in _batches(rows):
                await self._write("rollups", some)
            await self._note("days", day + 1)

    async def _write(self, collection: str, documents: list[Document]) -> None:
        """Write documents, those again that a cut run wrote and did not note: they are the same."""
        try:
            await self._database[collection].insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if not is_duplicate(error):
                raise

    async def _done(self, what: str) -> int:
        note = await self._database[NOTES].find_one({"_id": what})
        return int(note["done"]) if note else 0

    async def _note(self, what: str, done: int) -> None:
        await self._database[NOTES].replace_one({"_id": what}, {"done": done}, upsert=True)


def _pages(id: str, batch: list[Completion]) -> list[Document]:
    found = pages.pages(map(pages.entry_of, batch))
    return [{"_id": f"load-{id}-{number}", **page} for number, page in enumerate(found)]


def _batches(source: Iterable[Any], size: int = AT_ONCE) -> Iterator[list[Any]]:
    iterator = iter(source)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
