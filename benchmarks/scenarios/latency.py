"""How long one request takes when it is alone."""

from benchmarks.bench import Bench
from benchmarks.contenders import Measured, measure, warm
from benchmarks.findings import Check, Finding
from benchmarks.scenarios.request import one_round
from benchmarks.scenarios.shares import by_process, median_load
from benchmarks.targets import P50_SECONDS, scaled


async def run(bench: Bench) -> Finding:
    """Measure in turns at one request in flight."""
    rounds, seconds = (2, 2.0) if bench.quick else (5, 5.0)
    contenders = [bench.bare, *([tollway] if (tollway := bench.tollway()) else []), *bench.peers]
    for contender in contenders:
        await warm(contender, requests=300, connections=1)
    measured: dict[str, list[Measured]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            bench.say(f"round {number + 1} of {rounds}, one in flight: {contender.name}")
            options = {"connections": 1, "requests": 1_000_000, "seconds": seconds}
            measured[contender.name].append(await measure(contender, **options))
    if not bench.b:
        # Scaling needs B, which is defined under load.
        bench.b = sum(by_process([await one_round(bench, bench.bare, seconds)]).values())
    return _finding(bench, measured)


def _finding(bench: Bench, measured: dict[str, list[Measured]]) -> Finding:
    loads = {name: median_load(runs) for name, runs in measured.items()}
    bare = loads[bench.bare.name]["p50"]
    rows = tuple(
        (
            name,
            *(f"{load[figure] * 1000:.2f}" for figure in ("p50", "p90", "p99")),
            f"{load['p50'] / bare:.1f}",
            f"{sum(by_process(measured[name]).values()):.0f}",
        )
        for name, load in loads.items()
    )
    limit = scaled(P50_SECONDS, bench.b)
    checks = (
        (Check("p50 at 1 in flight", loads["tollway"]["p50"] * 1000, "ms", limit * 1000),) if "tollway" in loads else ()
    )
    return Finding(
        "latency",
        "One request in flight",
        ("contender", "p50 ms", "p90 ms", "p99 ms", "of bare", "CPU µs"),
        rows,
        checks,
        {"b": bench.b, **{name: {"load": load, "us": by_process(measured[name])} for name, load in loads.items()}},
    )
