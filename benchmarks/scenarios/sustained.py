"""Four minutes at 64 in flight: does the ledger keep up, and does memory stay where it is once it is warm?"""

import asyncio
import time
from contextlib import suppress

from benchmarks.bench import Bench
from benchmarks.contenders import Contender, Measured, measure, warm
from benchmarks.cpu import Memory, memory
from benchmarks.findings import Check, Finding
from benchmarks.processes import ProcessFailed
from benchmarks.scenarios.request import IN_FLIGHT, one_round
from benchmarks.scenarios.shares import by_process
from benchmarks.stats import Point, lags, slope
from benchmarks.targets import (
    GROWTH_REQUESTS,
    LAG_SECONDS,
    MEMORY_BYTES,
    RATE,
    SUSTAINED_SECONDS,
    scaled_rate,
)

MEMORY_EACH_SECONDS = 2.0
GROWTH_BYTES = 4e6
"""A request that left 20 bytes behind would show as this much after 200,000."""

Sample = tuple[float, dict[str, Memory]]


async def run(bench: Bench) -> Finding:
    """Load Tollway, watch its ledger and its memory, then wait for the last entry."""
    tollway, ledger = bench.tollway(), bench.ledger
    if tollway is None or ledger is None:
        raise ProcessFailed("'sustained' measures Tollway only")
    seconds = 10.0 if bench.quick else SUSTAINED_SECONDS
    if not bench.b:
        bench.b = sum(by_process([await one_round(bench, bench.bare, 3.0)]).values())
    await warm(tollway, requests=5000)
    await ledger.begin()
    idle = memory(tollway.pids)
    samples: list[Sample] = []
    bench.say(f"{seconds:.0f} s at {IN_FLIGHT} in flight")
    watchers = [asyncio.create_task(ledger.watch()), asyncio.create_task(_watch_memory(tollway, samples))]
    try:
        measured = await measure(tollway, connections=IN_FLIGHT, requests=5_000_000, seconds=seconds)
    finally:
        for watcher in watchers:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
    answered = measured.load["requests"] - measured.load["failed"]
    complete = await ledger.settle(answered)
    return _finding(bench, measured, samples, idle, (ledger.seen, complete))


async def _watch_memory(contender: Contender, samples: list[Sample]) -> None:
    while True:
        samples.append((time.time(), memory(contender.pids)))
        await asyncio.sleep(MEMORY_EACH_SECONDS)


def _finding(
    bench: Bench,
    measured: Measured,
    samples: list[Sample],
    idle: dict[str, Memory],
    ledger: tuple[list[Point], float | None],
) -> Finding:
    seen, complete = ledger
    behind = lags(measured.progress, seen)
    last_answer = measured.progress[-1][0]
    final = complete - last_answer if complete is not None else float("inf")
    worst = max((lag for when, lag in behind if when <= last_answer), default=0.0)
    grown = growth(samples, measured.load["rate"], GROWTH_REQUESTS)
    peak = max((_total(sample).pss for _, sample in samples), default=0)
    rows = [
        (name, _mb(idle[name].pss), _mb(samples[-1][1][name].pss), _mb(samples[-1][1][name].rss), f"{bytes_:.0f}")
        for name, bytes_ in sorted(grown.items(), key=lambda item: -samples[-1][1][item[0]].pss)
    ]
    first, end = _total(idle), _total(samples[-1][1])
    rows.append(("all", _mb(first.pss), _mb(end.pss), _mb(end.rss), f"{sum(grown.values()):.0f}"))
    ours = sum(max(0.0, value) for name, value in grown.items() if name != "store")
    return Finding(
        "sustained",
        f"{measured.load['seconds']:.0f} s at {IN_FLIGHT} in flight: {measured.load['requests']:,} requests",
        ("process", "PSS MB before", "PSS MB at the end", "RSS MB at the end", "bytes kept per request once warm"),
        tuple(rows),
        (
            Check("requests/s sustained", measured.load["rate"], "req/s", scaled_rate(RATE, bench.b), at_most=False),
            Check("ledger behind, at worst, during the run", worst, "s", LAG_SECONDS),
            Check("ledger complete after the last answer", final, "s", LAG_SECONDS),
            Check("memory of the whole stack, PSS", peak / 1e6, "MB", MEMORY_BYTES / 1e6),
            Check(
                "growth per 200,000 requests after the first 200,000, no store",
                ours * GROWTH_REQUESTS / 1e6,
                "MB",
                GROWTH_BYTES / 1e6,
            ),
            Check("requests that failed", measured.load["failed"], "", 0),
        ),
        {
            "b": bench.b,
            "load": measured.load,
            "us": measured.each(),
            "lag": [[round(when - last_answer, 2), round(lag, 3)] for when, lag in behind],
            "memory": [
                [round(when - last_answer, 2), _total(sample).pss, _total(sample).rss] for when, sample in samples
            ],
        },
    )


def growth(samples: list[Sample], rate: float, warm_after: int) -> dict[str, float]:
    """Return bytes that each process gained per request after the first `warm_after` requests.

    Pools, caches and heaps fill while the first ones pass; a run too short for that is judged by its second half.
    """
    if not samples or not rate:
        return {}
    since = min(samples[0][0] + warm_after / rate, samples[len(samples) // 2][0])
    warm_samples = [sample for sample in samples if sample[0] >= since]
    names = warm_samples[0][1]
    return {name: slope([(when, sample[name].pss) for when, sample in warm_samples]) / rate for name in names}


def _total(sample: dict[str, Memory]) -> Memory:
    return sum(sample.values(), Memory())


def _mb(value: float) -> str:
    return f"{value / 1e6:.1f}"
