"""`python -m benchmarks.profile [service …]`: where the CPU time goes in each service under load.

All services are sampled at once, by themselves (`benchmarks/sampling`), which costs them a few percent. Time in C code
counts with the Python function that called it; what the event loop itself does, reads from sockets included, counts
with `Runner.run`.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Bench, benches
from benchmarks.contenders import Contender, bare, warm
from benchmarks.payloads import STREAM_CHUNKS
from benchmarks.processes import ROOT, ProcessFailed, load, until
from benchmarks.scenarios.limits import key_of_four
from benchmarks.stacks import Profile, read_profile

SERVICES = ("edge", "auth", "guardrails", "router", "billing", "admin")
SAMPLING = Path(__file__).parent / "sampling"
SHOWN = 25
Sampled = dict[str, tuple[Profile, float]]
"""By process: its profile, and its CPU in microseconds per request or chunk."""


async def run(options: argparse.Namespace, console: Console) -> None:
    """Start the stack, put a load on it, and sample every service meanwhile."""
    with tempfile.TemporaryDirectory(prefix="tollway-profile-") as name:
        samples = Path(name) / "samples"
        samples.mkdir()
        paths = [str(SAMPLING), os.environ.get("PYTHONPATH", "")]
        os.environ |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "TOLLWAY_SAMPLES": str(samples)}
        async with benches(Path(name), console, quick=True) as bench, AsyncExitStack() as started:
            contender = await _contender(bench, started, options)
            for process, (profile, microseconds) in (await _sampled(contender, samples, options)).items():
                show(console, process, profile, microseconds)
                _keep(options.out, process, profile)


async def _contender(bench: Bench, started: AsyncExitStack, options: argparse.Namespace) -> Contender:
    if options.bare:
        return await started.enter_async_context(bare(bench.upstream, stream=options.streams))
    await bench.start_tollway()
    tollway = bench.tollway()
    if tollway is None or bench.stack is None:
        raise ProcessFailed("Tollway did not start")
    if options.limited:
        tollway = replace(tollway, key=await key_of_four(bench.stack, limited=True))
    await warm(tollway)
    return tollway


async def _sampled(contender: Contender, folder: Path, options: argparse.Namespace) -> Sampled:
    wanted = ["proxy"] if options.bare else options.services or list(SERVICES)
    pids = {name: contender.pids[name][0] for name in wanted if contender.pids.get(name)}
    shape: dict[str, str | float] = {"connections": options.connections, "requests": 1_000_000}
    if options.streams:
        shape |= {"connections": 300, "chunks": STREAM_CHUNKS, "spread": 1.0}
    async with load(
        contender.port, key=contender.key, model=contender.model, seconds=options.seconds, **shape
    ) as client:
        before = contender.cpu()
        _tell(pids, signal.SIGUSR1)
        result = await client.run(options.seconds + 60)
        _tell(pids, signal.SIGUSR2)
        after = contender.cpu()
    files = {name: folder / str(pid) for name, pid in pids.items()}
    await until(lambda: all(path.exists() for path in files.values()), 20, "the samples")
    count = max(1, result["chunks"] or result["requests"])
    return {
        name: (read_profile(path.read_text(), ROOT), (after[name] - before[name]) / count * 1e6)
        for name, path in files.items()
    }


def _tell(pids: dict[str, int], number: signal.Signals) -> None:
    for pid in pids.values():
        os.kill(pid, number)


def show(console: Console, service: str, profile: Profile, microseconds: float) -> None:
    """Print where one process spent its time: by package, by function alone, and with what it calls."""
    console.print(f"[bold]{service}: {microseconds:.0f} µs of CPU each, from {profile.samples:,} samples[/bold]")
    for title, counts in (
        ("by package", profile.packages),
        ("in the function itself", profile.alone),
        ("lines of ours", profile.lines),
        ("with what it calls", profile.inclusive),
    ):
        console.print(_table(f"{service}: {title}", counts, profile.samples, microseconds))


def _table(title: str, counts: Counter[str], samples: int, microseconds: float) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    # What is on nearly every stack (main, run, …) tells nothing.
    telling = [(name, count) for name, count in counts.most_common() if count < 0.98 * samples]
    for name, count in telling[:SHOWN]:
        share = count / max(1, samples)
        table.add_row(f"{share:.1%}", f"{share * microseconds:.1f} µs", name)
    return table


def _keep(folder: Path | None, process: str, profile: Profile) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{process}.stacks").write_text(profile.raw)


def main() -> int:
    """Return 0 when every service was sampled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("services", nargs="*", help=f"any of {', '.join(SERVICES)}; all if none")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--limited", action="store_true", help="with a key whose four scopes have limits and budgets")
    parser.add_argument("--streams", action="store_true", help="300 streams instead of whole answers")
    parser.add_argument("--bare", action="store_true", help="sample the bare proxy instead")
    parser.add_argument("--out", type=Path, help="a folder for the collapsed stacks, as flame graphs read them")
    try:
        asyncio.run(run(parser.parse_args(), Console()))
    except ProcessFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
