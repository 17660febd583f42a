"""What limits and budgets add to a request: a key with four limited scopes, two of them budgeted, beside a free one.

Both have a user, a team and an organization, so that the ledger has as many sums of one as of the other.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp

from benchmarks.bench import Bench
from benchmarks.contenders import Contender, Measured, measure, warm
from benchmarks.findings import Check, Finding
from benchmarks.processes import ProcessFailed
from benchmarks.scenarios.request import one_round
from benchmarks.scenarios.shares import by_process, failures, median_load
from benchmarks.stack import Stack
from benchmarks.targets import LIMITS_SECONDS, LIMITS_US, scaled

IN_FLIGHT = 64
LARGE = 10**9
DOLLARS = 100_000.0
_BY_ALL = ("edge", "auth", "guardrails", "router", "nats-server")


async def run(bench: Bench) -> Finding:
    """Measure both keys in turns, at 64 and at one request in flight."""
    free = bench.tollway()
    if free is None or bench.stack is None:
        raise ProcessFailed("limits are measured on Tollway only")
    limited = replace(free, name="limited", key=await key_of_four(bench.stack, limited=True))
    free = replace(free, name="free", key=await key_of_four(bench.stack, limited=False))
    rounds, seconds = (2, 3.0) if bench.quick else (5, 8.0)
    for contender in (free, limited):
        await warm(contender)
    loaded = await _in_turns(bench, (free, limited), rounds, connections=IN_FLIGHT, seconds=seconds)
    alone = await _in_turns(bench, (free, limited), rounds, connections=1, seconds=seconds / 2)
    if not bench.b:
        bench.b = sum(by_process([await one_round(bench, bench.bare, seconds)]).values())
    return _finding(bench, loaded, alone)


async def key_of_four(stack: Stack, *, limited: bool) -> str:
    """Make an organization, a team, a user and a key, with limits that refuse nothing or with none; return the key."""
    headers = {"Authorization": f"Bearer {stack.master_key}"}
    async with aiohttp.ClientSession(stack.url, headers=headers) as session:

        async def made(path: str, **fields: Any) -> dict[str, Any]:
            async with session.post(path, json=fields) as answer:
                if answer.status != 200:
                    raise ProcessFailed(f"{path} answered {answer.status}: {(await answer.text())[:200]}")
                return dict(await answer.json())

        rates = {"rpm_limit": LARGE, "tpm_limit": LARGE} if limited else {}
        budget = {"max_budget": DOLLARS} if limited else {}
        slots = {"max_parallel_requests": LARGE} if limited else {}
        made_organization = await made("/organization/new", organization_alias="bench", models=[], **rates)
        organization = str(made_organization["organization_id"])
        team = await made("/team/new", organization_id=organization, **budget, **rates)
        user = await made("/user/new", auto_create_key=False, **rates)
        key = await made(
            "/key/generate",
            team_id=team["team_id"],
            user_id=user["user_id"],
            **budget,
            **slots,
            **rates,
        )
    return str(key["key"])


async def _in_turns(
    bench: Bench, contenders: Sequence[Contender], rounds: int, **options: float
) -> dict[str, list[Measured]]:
    measured: dict[str, list[Measured]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            bench.say(f"round {number + 1} of {rounds}, {options['connections']} in flight: {contender.name}")
            measured[contender.name].append(await measure(contender, requests=1_000_000, **options))
    return measured


def _finding(bench: Bench, loaded: dict[str, list[Measured]], alone: dict[str, list[Measured]]) -> Finding:
    rows: list[tuple[str, ...]] = []
    for in_flight, measured in ((str(IN_FLIGHT), loaded), ("1", alone)):
        for name, runs in measured.items():
            us, load = by_process(runs), median_load(runs)
            shown = [f"{us.get(process, 0.0):.0f}" for process in _BY_ALL]
            p50 = f"{load['p50'] * 1000:.2f}"
            rows.append((in_flight, name, f"{sum(us.values()):.0f}", *shown, f"{load['rate']:,.0f}", p50))
    more = sum(by_process(loaded["limited"]).values()) - sum(by_process(loaded["free"]).values())
    later = median_load(alone["limited"])["p50"] - median_load(alone["free"])["p50"]
    return Finding(
        "limits",
        f"Four limited scopes, two of them with a budget, beside a key without limits (B = {bench.b:.0f} µs)",
        ("in flight", "key", "CPU µs", *_BY_ALL, "req/s", "p50 ms"),
        tuple(rows),
        (
            Check("CPU added at 64 in flight", more, "µs", scaled(LIMITS_US, bench.b)),
            Check("p50 added at 1 in flight", later * 1000, "ms", scaled(LIMITS_SECONDS, bench.b) * 1000),
            Check("requests that failed", sum(failures(runs) for runs in (*loaded.values(), *alone.values())), "", 0),
        ),
        {"b": bench.b, "added_us": more, "added_ms": later * 1000},
    )
