"""Fills a store with keys, users, teams and a ledger, and times what reads them: `python -m benchmarks.load_store`.

With `--data-dir` it fills the store of a `tollway up` that is not running, which `python -m benchmarks.scale` measures.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

from benchmarks.store_filling import Filling, noted_shape
from benchmarks.store_shape import CUSTOMERS, DAY, Population, Shape
from shared.schemas.scopes import Scope, member_id
from shared.store.connection import Store
from shared.store.keys import KeyFilter, KeyRecord, Keys
from shared.store.ledger import Ledger
from shared.store.pages import Wanted
from shared.store.shelves import shelves_of_page
from shared.store.sums import ALL, listed
from shared.store.verification import verify
from tests.support.store_server import StoreServer
from tollway.stack.folder import DataFolder
from tollway.stack.secrets import keep_secrets

TIMES = 20
"""Times that each reading is measured."""

CACHE = "1G"
"""What the store may hold in memory while it is filled."""


async def key_page(keys: Keys, skip: int) -> list[KeyRecord]:
    """Return a hundred keys from somewhere in the whole list."""
    shelves, before = shelves_of_page((await keys.on_shelves()).items(), skip, 100)
    found = [record for shelf in shelves for record in await keys.shelf(shelf)]
    return found[before : before + 100]


async def team_page(keys: Keys, team: str) -> list[KeyRecord]:
    """Return the newest hundred keys of a team, as a list that counts them does."""
    hashes = await keys.hashes(KeyFilter(team_id=team))
    return list((await keys.find_many(hashes[:100])).values())


async def timed(name: str, ask: Callable[[], Awaitable[Any]]) -> None:
    """Print how long a reading takes, the middle and the worst of some."""
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - started) * 1e3)
    took.sort()
    print(f"| {name} | {took[TIMES // 2]:.1f} | {took[-1]:.1f} |", flush=True)


async def readings(store: Store, shape: Shape, population: Population) -> None:
    """Print the table of readings."""
    ledger, keys, now, days_ago = Ledger(store), Keys(store), shape.begun, shape.days * DAY
    chance = random.Random(2)
    month = (time.strftime("%Y-%m-%d", time.gmtime(now - days_ago)), "9999")
    token_of = population.token

    def busy() -> int:
        return shape.busy(chance)

    def customer() -> str:
        return f"customer-{chance.randrange(CUSTOMERS)}"

    def page(wanted: Wanted, limit: int, until: float = now) -> Awaitable[Any]:
        return ledger.listing.newest(wanted, since=0, until=until, limit=limit)

    async def days(name: str) -> None:
        async for _ in ledger.reports.days(name, *month):
            pass

    print("| reading | ms | worst |\n|---|---|---|")
    await timed("a key, by its hash", lambda: keys.find(token_of(chance.randrange(shape.keys))))
    await timed("a page of all keys", lambda: key_page(keys, chance.randrange(shape.keys)))
    await timed("a page of a team's keys", lambda: team_page(keys, shape.team(busy())))
    await timed("a key that does not exist", lambda: keys.find_by_id([token_of(shape.keys)]))
    await timed("newest 100 entries", lambda: page(Wanted(), 100))
    await timed("100 entries of some time ago", lambda: page(Wanted(), 100, now - chance.random() * days_ago))
    await timed("newest 1000 entries", lambda: page(Wanted(), 1000))
    await timed("100 entries of a key", lambda: page(Wanted(key=token_of(busy())), 100))
    await timed("100 entries of a rare key", lambda: page(Wanted(key=token_of(shape.active - 1)), 100))
    await timed("100 entries of a team", lambda: page(Wanted(team=shape.team(busy())), 100))
    await timed("100 entries of a customer", lambda: page(Wanted(customer=customer()), 100))
    for kind, id in (
        ("key", lambda: token_of(busy())),
        ("user", lambda: shape.user(busy())),
        ("team", lambda: shape.team(busy())),
        ("member", lambda: member_id(shape.team(3), shape.user(3))),
    ):
        await timed(f"spent by a {kind}, ever", lambda kind=kind, id=id: ledger.spent(Scope(kind, id()), 0))
        await timed(
            f"spent by a {kind} since some moment",
            lambda kind=kind, id=id: ledger.spent(Scope(kind, id()), now - chance.random() * days_ago),
        )
    await timed("a month of everybody, by day", lambda: days(ALL))
    await timed("ten dearest teams of a month", lambda: ledger.reports.biggest(listed("team"), "id", *month, limit=10))
    started = time.perf_counter()
    await ledger.reports.biggest(listed("caller"), "key", *month, limit=10)
    print(f"| ten dearest keys of a month (once) | {(time.perf_counter() - started) * 1e3:.0f} | |")


@contextmanager
def place(data_dir: Path, url: str | None, *, is_filled: bool) -> Iterator[tuple[str, str, bytes]]:
    """Yield the store's address, the database, and the secret under which keys are stored."""
    if url:
        yield url, "tollway-load", b"benchmark-secret"
        return
    folder = DataFolder(data_dir)
    folder.hold()
    try:
        secret = bytes.fromhex(keep_secrets(folder, {}).secret)
        server = StoreServer(folder.store, cache=CACHE, is_filled=is_filled, patience=600)
        server.start()
        try:
            yield server.url, "tollway", secret
        finally:
            server.stop(SIGTERM, wait=300)
    finally:
        folder.release()


def read_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="a folder for 'tollway up', which is kept; a second run goes on")
    parser.add_argument("--url", help="a MongoDB; the database 'tollway-load' is made there, and kept")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--teams", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30, help="over which the documents lie")
    parser.add_argument("--active", type=int, default=10_000, help="keys that make requests")
    parser.add_argument("--fill-only", action="store_true", help="time no readings")
    parser.add_argument("--verify", action="store_true", help="verify the ledger too")
    return parser.parse_args()


async def filled(data_dir: Path, options: argparse.Namespace) -> None:
    """Load what is not there yet."""
    with place(data_dir, options.url, is_filled=True) as (url, database, secret):
        store = Store.open(url, database, answer_ms=3_600_000)
        asked = Shape(
            options.keys, options.users, options.teams, options.documents, min(options.active, options.keys),
            options.days, time.time(),
        )  # fmt: skip
        shape = await noted_shape(store) or asked
        started = time.perf_counter()
        try:
            await Filling(store, shape, Population(shape, secret)).run()
        finally:
            await store.close()
        print(f"\nloaded in {time.perf_counter() - started:.0f} s\n", flush=True)


async def read(data_dir: Path, options: argparse.Namespace) -> None:
    """Time what reads what was loaded."""
    with place(data_dir, options.url, is_filled=False) as (url, database, secret):
        store = Store.open(url, database, answer_ms=3_600_000)
        shape = await noted_shape(store)
        assert shape is not None
        try:
            if not options.fill_only:
                await readings(store, shape, Population(shape, secret))
            if options.verify:
                started = time.perf_counter()
                found = await verify(store, "bench", lambda what, more: None)
                print(f"\nverify {time.perf_counter() - started:.0f} s, {found.rows:,} rows, {found.differences[:3]}")
        finally:
            await store.close()


async def main() -> None:
    """Load and read."""
    options = read_options()
    with tempfile.TemporaryDirectory() as temporary:
        data_dir = options.data_dir or Path(temporary)
        await filled(data_dir, options)
        if options.verify or not options.fill_only:
            await read(data_dir, options)


if __name__ == "__main__":
    asyncio.run(main())
