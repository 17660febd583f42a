"""CPU per request at 64 in flight, by process, beside the bare proxy: the rounds take turns."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender, Measured, measure, warm
from benchmarks.findings import Check, Finding
from benchmarks.scenarios.shares import by_process, failures, median_load, microseconds, share_rows
from benchmarks.targets import BILLING_IN_B, REQUEST_PLANE, REQUEST_PLANE_IN_B

IN_FLIGHT = 64
_LATER = ("billing", "store")
"""What works on after the last answer, until the ledger is complete."""


async def run(bench: Bench) -> Finding:
    """Measure the bare proxy, Tollway and the peers in turns."""
    rounds, seconds = (2, 3.0) if bench.quick else (5, 8.0)
    contenders = [bench.bare, *([tollway] if (tollway := bench.tollway()) else []), *bench.peers]
    for contender in contenders:
        bench.say(f"warming up {contender.name}")
        await warm(contender)
    measured: dict[str, list[Measured]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            bench.say(f"round {number + 1} of {rounds}: {contender.name}")
            measured[contender.name].append(await one_round(bench, contender, seconds))
    bench.b = sum(by_process(measured[bench.bare.name]).values())
    return _finding(bench, measured)


async def one_round(bench: Bench, contender: Contender, seconds: float) -> Measured:
    """Put one load on a contender; for Tollway, wait for its ledger and count the work for it in."""
    options = {"connections": IN_FLIGHT, "requests": 1_000_000, "seconds": seconds}
    if bench.ledger is None or contender.name != "tollway":
        return await measure(contender, **options)
    await bench.ledger.begin()
    before = contender.cpu()
    result = await measure(contender, **options)
    await bench.ledger.settle(result.load["requests"] - result.load["failed"])
    after = contender.cpu()
    later = {name: after[name] - before[name] for name in _LATER if name in after}
    return Measured(result.load, {**result.cpu, **later}, result.progress)


def _finding(bench: Bench, measured: dict[str, list[Measured]]) -> Finding:
    rows: list[tuple[str, ...]] = []
    for name, runs in measured.items():
        rows += share_rows(name, by_process(runs), bench.b, median_load(runs))
    figures = {
        name: {"us": by_process(runs), "load": median_load(runs), "rounds": [microseconds(run) for run in runs]}
        for name, runs in measured.items()
    }
    return Finding(
        "request",
        f"CPU per 1 KB chat request at {IN_FLIGHT} in flight (B = {bench.b:.0f} µs)",
        ("contender", "process", "µs", "share", "of B", "req/s", "p50 ms", "p99 ms"),
        tuple(rows),
        _checks(bench, measured),
        {"b": bench.b, **figures},
    )


def _checks(bench: Bench, measured: dict[str, list[Measured]]) -> tuple[Check, ...]:
    if "tollway" not in measured:
        return ()
    us = by_process(measured["tollway"])
    plane = sum(us.get(name, 0.0) for name in REQUEST_PLANE)
    return (
        Check("edge, auth, guardrails, router, nats-server", plane / bench.b, "B", REQUEST_PLANE_IN_B),
        Check("billing", us.get("billing", 0.0) / bench.b, "B", BILLING_IN_B),
        Check("requests that failed", failures(measured["tollway"]), "", 0),
    )
