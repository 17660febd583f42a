"""Fills a store with keys, users, teams and a ledger, and times what reads them: `python -m benchmarks.load_store`.

Without `--url` it starts an embedded store of its own and drops it in the end.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.schemas.scopes import Scope, member_id
from shared.security.keys import key_digest, stored_hash
from shared.store import entries
from shared.store.connection import Document, Store
from shared.store.key_shelves import shelves_of_page
from shared.store.keys import KeyFilter, KeyRecord, Keys
from shared.store.ledger import Ledger
from shared.store.pages import Wanted
from shared.store.people import MembershipRecord, TeamRecord, UserRecord, membership_id
from shared.store.setup import ensure_indexes
from shared.store.sums import ALL, listed
from shared.store.verification import rebuild, verify
from tests.support.store_server import StoreServer

SECRET = b"benchmark-secret"
AT_ONCE = 500
DAYS = 30
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet", "demo")
TIMES = 20
"""Times that each reading is measured."""


def key_of(number: int) -> str:
    """Return a key, the same each time."""
    return f"sk-bench-{number:012d}"


def token_of(number: int) -> str:
    """Return the stored hash of a key."""
    return stored_hash(key_digest(key_of(number)), SECRET)


class Shape:
    """How many there are of each, and who belongs to whom."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.keys: int = options.keys
        self.users: int = options.users
        self.teams: int = options.teams
        self.documents: int = options.documents
        self.active: int = min(options.active, options.keys)

    def user(self, key: int) -> str:
        """Return a key's user."""
        return f"user-{key % self.users}"

    def team(self, key: int) -> str:
        """Return a key's team: that of its user."""
        return f"team-{key % self.users % self.teams}"


def key_records(shape: Shape) -> Iterator[KeyRecord]:
    """Yield the keys, the oldest first."""
    now = time.time()
    for number in range(shape.keys):
        yield KeyRecord(
            token_of(number), f"sk-...{number % 10_000:04d}", now - shape.keys + number, key_alias=f"key {number}",
            user_id=shape.user(number), team_id=shape.team(number),
        )  # fmt: skip


def user_documents(shape: Shape) -> Iterator[Document]:
    """Yield the users."""
    for number in range(shape.users):
        yield _stored(UserRecord(f"user-{number}", time.time() - number, email=f"user{number}@example.com"))


def team_documents(shape: Shape) -> Iterator[Document]:
    """Yield the teams."""
    for number in range(shape.teams):
        yield _stored(TeamRecord(f"team-{number}", time.time() - number, alias=f"Team {number}"))


def member_documents(shape: Shape) -> Iterator[Document]:
    """Yield who is in which team."""
    for number in range(shape.users):
        user, team = f"user-{number}", shape.team(number)
        yield _stored(MembershipRecord(membership_id("team", team, user), "team", team, user, time.time()))


def ledger_documents(shape: Shape) -> Iterator[Document]:
    """Yield ledger documents over the last month; few keys have most of the requests."""
    chance, now = random.Random(1), time.time()
    for number in range(shape.documents):
        key = int(shape.active * chance.random() ** 3)
        ended = now - DAYS * 86_400 * (1 - number / shape.documents)
        model = chance.choice(MODELS)
        attempt = Attempt(
            f"a{number}", "d-1", "openai", model, ended - 1, ended, "success", 200,
            Usage(input=chance.randrange(2000), output=chance.randrange(500)), chance.randrange(10**7),
        )  # fmt: skip
        yield entries.document(
            Completion(
                f"req_{number:032x}", "chat_completions", "openai", model, "success", 200, ended - 1, ended,
                key=token_of(key), key_alias=f"key {key}", user=shape.user(key), team=shape.team(key),
                end_user=f"customer-{chance.randrange(5000)}" if number % 4 == 0 else "",
                tags=("production",) if number % 3 else (), attempts=(attempt,),
            )
        )  # fmt: skip


def _stored(record: msgspec.Struct, id: str = "id") -> Document:
    """Return a record as its collection keeps it: what has names of the operator's choice is text."""
    fields: Document = msgspec.to_builtins(record)
    fields["_id"] = fields.pop(id)
    return fields | {
        name: msgspec.json.encode(value).decode() for name, value in fields.items() if isinstance(value, dict)
    }  # fmt: skip


async def load(store: Store, bar: Progress, collection: str, total: int, documents: Iterable[Document]) -> None:
    """Write documents, with a bar."""
    task = bar.add_task(collection, total=total)
    source = iter(documents)
    while batch := list(itertools.islice(source, AT_ONCE)):
        await store.atomically(_inserting(store, collection, batch))
        bar.advance(task, len(batch))


async def load_keys(store: Store, bar: Progress, shape: Shape) -> None:
    """Write keys as the store itself does, so that each stands on its shelf."""
    task = bar.add_task("keys", total=shape.keys)
    source = iter(key_records(shape))
    while batch := list(itertools.islice(source, AT_ONCE)):
        await Keys(store).insert_many(batch)
        bar.advance(task, len(batch))


def _inserting(store: Store, collection: str, batch: list[Document]) -> Callable[[Any], Awaitable[Any]]:
    async def work(session: Any) -> Any:
        return await store.database[collection].insert_many(batch, session=session)

    return work


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


async def readings(store: Store, shape: Shape) -> None:
    """Print the table of readings."""
    ledger, keys, now = Ledger(store), Keys(store), time.time()
    chance = random.Random(2)
    month = (time.strftime("%Y-%m-%d", time.gmtime(now - DAYS * 86_400)), "9999")

    def busy() -> int:
        return int(shape.active * chance.random() ** 3)

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
    await timed("100 entries of some time ago", lambda: page(Wanted(), 100, now - chance.random() * DAYS * 86_400))
    await timed("newest 1000 entries", lambda: page(Wanted(), 1000))
    await timed("100 entries of a key", lambda: page(Wanted(key=token_of(busy())), 100))
    await timed("100 entries of a rare key", lambda: page(Wanted(key=token_of(shape.active - 1)), 100))
    await timed("100 entries of a team", lambda: page(Wanted(team=shape.team(busy())), 100))
    await timed("100 entries of a customer", lambda: page(Wanted(customer=f"customer-{chance.randrange(5000)}"), 100))
    for kind, id in (
        ("key", lambda: token_of(busy())),
        ("user", lambda: shape.user(busy())),
        ("team", lambda: shape.team(busy())),
        ("member", lambda: member_id(shape.team(3), shape.user(3))),
    ):
        await timed(f"spent by a {kind}, ever", lambda kind=kind, id=id: ledger.spent(Scope(kind, id()), 0))
        await timed(
            f"spent by a {kind} since some moment",
            lambda kind=kind, id=id: ledger.spent(Scope(kind, id()), now - chance.random() * DAYS * 86_400),
        )
    await timed("a month of everybody, by day", lambda: days(ALL))
    await timed("ten dearest teams of a month", lambda: ledger.reports.biggest(listed("team"), "id", *month, limit=10))
    started = time.perf_counter()
    await ledger.reports.biggest(listed("caller"), "key", *month, limit=10)
    print(f"| ten dearest keys of a month (once) | {(time.perf_counter() - started) * 1e3:.0f} | |")


@asynccontextmanager
async def opened(url: str | None) -> AsyncIterator[Store]:
    """Open the store at an address, or one of our own."""
    with contextlib.ExitStack() as stack:
        server = None
        if url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = stack.enter_context(StoreServer(Path(folder)))
        store = Store.open(server.url if server else url or "", f"load{int(time.time())}", answer_ms=600_000)
        try:
            await ensure_indexes(store)
            yield store
            if server is not None and server._process is not None:
                used = psutil.Process(server._process.pid).memory_info().rss / 1e6
                print(f"\nThe store uses {used:.0f} MB.")
        finally:
            if server is None:
                await store.client.drop_database(store.database.name)
            await store.close()


async def main() -> None:
    """Load and read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a MongoDB; a database of its own is made there and dropped again")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--teams", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--active", type=int, default=10_000, help="keys that make requests")
    parser.add_argument("--verify", action="store_true", help="verify the ledger too")
    options = parser.parse_args()
    shape = Shape(options)
    async with opened(options.url) as store:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns) as bar:
            started = time.perf_counter()
            await load(store, bar, "teams", shape.teams, team_documents(shape))
            await load(store, bar, "users", shape.users, user_documents(shape))
            await load(store, bar, "memberships", shape.users, member_documents(shape))
            await load(store, bar, "ledger", shape.documents, ledger_documents(shape))
            loaded = time.perf_counter()
            task = bar.add_task("rebuild", total=shape.documents)
            await rebuild(store, "bench", lambda what, more: bar.advance(task, more if what == "documents" else 0))
            rebuilt = time.perf_counter()
            await load_keys(store, bar, shape)
        print(f"documents {loaded - started:.0f} s, rebuild {rebuilt - loaded:.0f} s, "
              f"keys {time.perf_counter() - rebuilt:.0f} s\n")  # fmt: skip
        await readings(store, shape)
        if options.verify:
            started = time.perf_counter()
            found = await verify(store, "bench", lambda what, more: None)
            print(f"\nverify {time.perf_counter() - started:.0f} s, {found.rows:,} rows, {found.differences[:3]}")


if __name__ == "__main__":
    asyncio.run(main())
