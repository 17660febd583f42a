"""CPU per chunk of streams of 100 chunks, one each 20 ms, beside the bare stream proxy."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender, Measured, measure
from benchmarks.findings import Check, Finding
from benchmarks.payloads import STREAM_CHUNKS
from benchmarks.scenarios.request import one_round
from benchmarks.scenarios.shares import by_process, failures, median_load
from benchmarks.targets import CHUNK_US, STREAM_PLANE, scaled

LEVELS = (20, 100, 300)
TARGET_LEVEL = 300
SPREAD_SECONDS = 1.0
"""The streams begin one after the other, so that their chunks do not come in step."""


async def run(bench: Bench) -> Finding:
    """Measure each number of streams in turns."""
    rounds, repeats = (1, 2) if bench.quick else (3, 4)
    levels = (TARGET_LEVEL,) if bench.quick else LEVELS
    contenders = [bench.bare_stream, *([tollway] if (tollway := bench.tollway()) else []), *bench.peers]
    if not bench.b:
        bench.b = sum(by_process([await one_round(bench, bench.bare, 3.0)]).values())
    measured: dict[tuple[int, str], list[Measured]] = {}
    for contender in contenders:
        await _streams(contender, 20, 1)
    for level in levels:
        for number in range(rounds):
            for contender in contenders:
                bench.say(f"{level} streams, round {number + 1} of {rounds}: {contender.name}")
                measured.setdefault((level, contender.name), []).append(await _streams(contender, level, repeats))
    return _finding(bench, measured)


async def _streams(contender: Contender, level: int, repeats: int) -> Measured:
    return await measure(
        contender, connections=level, requests=level * repeats, chunks=STREAM_CHUNKS, spread=SPREAD_SECONDS
    )


def _finding(bench: Bench, measured: dict[tuple[int, str], list[Measured]]) -> Finding:
    rows: list[tuple[str, ...]] = []
    figures: dict[str, object] = {"b": bench.b}
    for (level, name), runs in measured.items():
        us, load = by_process(runs, "chunks"), median_load(runs)
        bare = sum(by_process(measured[level, bench.bare_stream.name], "chunks").values())
        figures[f"{name} {level}"] = {"us": us, "load": load}
        rows += [
            (
                str(level),
                name,
                _process_list(us),
                f"{plane_sum(us):.1f}",
                f"{plane_sum(us) / bare:.1f}",
                f"{load['p50']:.3f}",
                str(load["failed"]),
            )
        ]
    return Finding(
        "streams",
        f"Streams of {STREAM_CHUNKS} chunks, one each 20 ms",
        ("streams", "contender", "µs per chunk by process", "µs", "of bare", "p50 s", "failed"),
        tuple(rows),
        _checks(bench, measured),
        figures,
    )


def plane_sum(us: dict[str, float]) -> float:
    """Return what the processes on a chunk's way use; all of them where none of ours is known."""
    on_the_way = [us[name] for name in STREAM_PLANE if name in us]
    return sum(on_the_way or us.values())


def _process_list(us: dict[str, float]) -> str:
    return ", ".join(
        f"{name} {value:.1f}" for name, value in sorted(us.items(), key=lambda item: -item[1]) if value >= 0.5
    )


def _checks(bench: Bench, measured: dict[tuple[int, str], list[Measured]]) -> tuple[Check, ...]:
    runs = measured.get((TARGET_LEVEL, "tollway"))
    if runs is None:
        return ()
    us = plane_sum(by_process(runs, "chunks"))
    return (
        Check(f"edge, router, nats-server per chunk at {TARGET_LEVEL} streams", us, "µs", scaled(CHUNK_US, bench.b)),
        Check("streams that failed", failures(runs), "", 0),
    )
