"""Measures Tollway on a store that `load_store --data-dir` filled: `python -m benchmarks.scale --data-dir DIR`.

It starts `tollway up` there, and prints Markdown: start-up, the first use of keys, pages of lists and of spend, memory.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from signal import SIGTERM
from typing import Any

import aiohttp

from benchmarks.cpu import memory
from benchmarks.payloads import chat_body
from benchmarks.processes import module
from benchmarks.stack import Stack, tollway_up
from benchmarks.store_filling import noted_shape
from benchmarks.store_shape import CUSTOMERS, DAY, Population, Shape, key_of
from shared.store.connection import Store
from tests.support.store_server import StoreServer
from tollway.stack.folder import DataFolder
from tollway.stack.secrets import keep_secrets

COLD_KEYS = 200
TIMES = 20

Ask = tuple[str, str, dict[str, str]]
"""What a row is called, a path, and a query."""


async def shape_of(folder: DataFolder) -> Shape:
    """Return what was loaded into a data folder."""
    server = StoreServer(folder.store, patience=600)
    began = time.perf_counter()
    server.start()
    print(f"The store starts in {time.perf_counter() - began:.1f} s.", flush=True)
    store = Store.open(server.url)
    shape = await noted_shape(store)
    await store.close()
    server.stop(SIGTERM, wait=60)
    if shape is None:
        raise SystemExit("nothing was loaded there; run 'python -m benchmarks.load_store --data-dir DIR' first")
    return shape


def asks(shape: Shape, population: Population) -> Iterable[Ask]:
    """Yield the pages that are measured."""
    chance = random.Random(3)
    busy = shape.busy(chance)
    token, user, team = population.token(busy), shape.user(busy), shape.team(busy)
    some_days = {"start_date": _day(shape, 12), "end_date": _day(shape, 11), "summarize": "false"}
    whole = {"start_date": _day(shape, shape.days), "end_date": _day(shape, 0)}
    objects = {"return_full_object": "true"}
    yield "`/key/list`, first page", "/key/list", {}
    yield "in the middle", "/key/list", {"page": str(shape.keys // 20)}
    yield "last page", "/key/list", {"page": str(-(-shape.keys // 10))}
    yield "oldest first", "/key/list", {"sort_order": "asc"}
    yield "100 keys with limits and spend", "/key/list", {"size": "100", "page": "77", **objects}
    yield "a team's", "/key/list", {"team_id": team, **objects}
    yield "a team's, last page", "/key/list", {"team_id": team, "page": str(shape.keys // shape.teams // 10), **objects}
    yield "a team's, by alias", "/key/list", {"team_id": team, "sort_by": "key_alias", **objects}
    yield "a user's", "/key/list", {"user_id": user, **objects}
    yield "by alias", "/key/list", {"key_alias": f"key {busy}", **objects}
    yield "`/key/info`", "/key/info", {"key": token}
    yield "`/spend/logs`, first page (250)", "/spend/logs", {}
    yield "100 entries", "/spend/logs", {"page_size": "100"}
    yield "1,000 entries", "/spend/logs", {"page_size": "1000"}
    yield "250 of two days, ten days ago", "/spend/logs", some_days
    yield "250 of a key", "/spend/logs", {"api_key": token}
    yield "250 of a user", "/spend/logs", {"user_id": user}
    yield "250 of a team", "/spend/logs", {"team_id": team}
    yield "250 of a customer", "/spend/logs", {"end_user": f"customer-{chance.randrange(CUSTOMERS)}"}
    yield "250 of a tag", "/spend/logs", {"tag": "production"}
    yield "failures (there are none)", "/spend/logs", {"status_filter": "failure", "start_date": _day(shape, 1)}
    yield "one by its id", "/spend/logs", {"request_id": f"req_{shape.days // 2:04d}{7:028d}"}
    yield "a month of a key, by day", "/spend/logs", {"api_key": token, **whole}
    yield "a month of a team, by day", "/spend/logs", {"team_id": team, **whole}
    yield "`/global/spend`", "/global/spend", {}
    yield "`/global/spend/logs`", "/global/spend/logs", {}
    yield "`/global/spend/models`", "/global/spend/models", {}
    yield "`/global/spend/teams`", "/global/spend/teams", {}
    yield "`/global/spend/keys`", "/global/spend/keys", {}
    yield "`/global/spend/report` of a week", "/global/spend/report", {
        "start_date": _day(shape, 7), "end_date": _day(shape, 1),
    }  # fmt: skip
    yield "`/spend/teams`, ever", "/spend/teams", {}
    yield "`/spend/tags`, ever", "/spend/tags", {}
    yield "`/team/daily/activity`, a week", "/team/daily/activity", {
        "team_ids": team, "start_date": _day(shape, 7), "end_date": _day(shape, 1),
    }  # fmt: skip
    yield "`/user/list`, first page", "/user/list", {}
    yield "in the middle", "/user/list", {"page": str(shape.users // 50)}
    yield "by id", "/user/list", {"user_ids": user}
    yield "of a team", "/user/list", {"team": team}
    yield "by address", "/user/list", {"sort_by": "user_email"}
    yield "a search", "/user/list", {"search": f"user{busy % shape.users}@"}
    yield "`/user/info`", "/user/info", {"user_id": user}
    yield "`/v2/team/list`, first page", "/v2/team/list", {}
    yield "in the middle", "/v2/team/list", {"page": str(shape.teams // 20)}
    yield "by alias", "/v2/team/list", {"team_alias": "Team 7"}
    yield "`/team/info`", "/team/info", {"team_id": team}
    yield "`/team/list` (all)", "/team/list", {}
    yield "`/customer/list`", "/customer/list", {}


def _day(shape: Shape, ago: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(shape.begun - ago * DAY))


async def starts(folder: Path, upstream: int) -> None:
    """Print how long `tollway up` takes in an empty folder."""
    print("| `tollway up`, to its first answer | s |\n|---|---|")
    for number in range(3):
        async with tollway_up(folder / f"new-{number}", upstream) as stack:
            print(f"| new folder | {stack.first_answer:.2f} |", flush=True)


async def first_uses(http: aiohttp.ClientSession, stack: Stack, shape: Shape) -> None:
    """Print how long the first and the second request of keys take that no worker has seen."""
    chance = random.Random(time.time())
    took: dict[str, list[float]] = {"first use of a cold key": [], "second use": [], "third use": []}
    for number in chance.sample(range(shape.keys), COLD_KEYS):
        headers = {"Authorization": f"Bearer {key_of(number)}", "Content-Type": "application/json"}
        for seen in took.values():
            began = time.perf_counter()
            async with http.post(f"{stack.url}/v1/chat/completions", data=chat_body(), headers=headers) as answer:
                body = await answer.read()
                assert answer.status == 200, body
            seen.append((time.perf_counter() - began) * 1e3)
    print(f"\n| {COLD_KEYS} keys, one request at a time | p50 ms | p99 ms | worst ms |\n|---|---|---|---|")
    for name, seen in took.items():
        seen.sort()
        print(f"| {name} | {_at(seen, 0.5):.1f} | {_at(seen, 0.99):.1f} | {seen[-1]:.1f} |")


def _at(seen: list[float], share: float) -> float:
    return seen[min(len(seen) - 1, int(len(seen) * share))]


async def page(http: aiohttp.ClientSession, stack: Stack, ask: Ask) -> None:
    """Print how long a page takes."""
    name, path, query = ask
    seen, size, status = [], 0, 0
    for _ in range(TIMES):
        began = time.perf_counter()
        async with http.get(f"{stack.url}{path}", params=query, headers=_headers(stack)) as answer:
            size, status = len(await answer.read()), answer.status
        seen.append((time.perf_counter() - began) * 1e3)
        if sum(seen) > 20_000:
            break
    seen.sort()
    said = "" if status == 200 else f", {status}"
    print(f"| {name}{said} | {_at(seen, 0.5):.1f} | {seen[-1]:.1f} | {size / 1000:.1f} |", flush=True)


def _headers(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.master_key}"}


def used(stack: Stack, when: str) -> None:
    """Print the memory of the processes that hold something of all this."""
    found = memory(stack.pids())
    parts = {name: found[name].pss / 1e6 for name in ("auth", "admin", "billing", "store") if name in found}
    said = ", ".join(f"{name} {size:.0f}" for name, size in parts.items())
    print(f"\nMemory {when}, MB of PSS: {said}; all {sum(item.pss for item in found.values()) / 1e6:.0f}.\n")


async def measured(data: Path, only: str, is_quick: bool) -> None:
    """Measure everything."""
    folder = DataFolder(data)
    folder.hold()
    secret = bytes.fromhex(keep_secrets(folder, {}).secret)
    folder.release()
    shape = await shape_of(folder)
    print(f"{shape.facts}\n")
    with tempfile.TemporaryDirectory() as temporary:
        async with module("mock") as (_, upstream), aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as http:
            place = Path(temporary)
            if not is_quick:
                await starts(place, upstream)
            async with tollway_up(place / "up", upstream, data=data) as stack:
                print(f"| filled folder | {stack.first_answer:.2f} |", flush=True)
                used(stack, "after the start")
                await first_uses(http, stack, shape)
                print("\n| page | p50 ms | worst ms | kB |\n|---|---|---|---|")
                for ask in asks(shape, Population(shape, secret)):
                    if only in f"{ask[0]} {ask[1]}":
                        await page(http, stack, ask)
                used(stack, "at the end")


def main() -> None:
    """Read the command line and measure."""
    parser: Any = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--only", default="", help="pages whose name or path holds this")
    parser.add_argument("--quick", action="store_true", help="no start in an empty folder")
    options = parser.parse_args()
    asyncio.run(measured(options.data_dir, options.only, options.quick))


if __name__ == "__main__":
    main()
