"""How long `tollway up` takes from the command to its first answer, in a new folder and in a used one."""

from benchmarks.bench import Bench
from benchmarks.findings import Check, Finding
from benchmarks.stack import tollway_up
from benchmarks.stats import median
from benchmarks.targets import START_SECONDS


async def run(bench: Bench) -> Finding:
    """Start and stop the stack again and again."""
    rounds = 1 if bench.quick else 3
    new: list[float] = []
    used: list[float] = []
    for number in range(rounds):
        folder = bench.folder / f"start-{number}"
        for seconds in (new, used):
            bench.say(f"start {number + 1} of {rounds}")
            async with tollway_up(folder, bench.upstream) as stack:
                seconds.append(stack.first_answer)
    rows = tuple(
        (name, f"{median(seconds):.2f}", f"{max(seconds):.2f}")
        for name, seconds in (("new folder", new), ("used folder", used))
    )
    return Finding(
        "start",
        "From `tollway up` to the first answer",
        ("", "median s", "slowest s"),
        rows,
        (Check("first answer after start", median(new), "s", START_SECONDS),),
        {"new": new, "used": used},
    )
