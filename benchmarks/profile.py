"""`python -m benchmarks.profile [service …]`: where the time goes in each service under load.

It needs py-spy, which is no dependency: ``pip install --target ~/.cache/tollway-bench/py-spy py-spy``, or have it
on the PATH. Each service is sampled by itself while the load runs.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Bench, benches
from benchmarks.contenders import Contender, warm
from benchmarks.payloads import STREAM_CHUNKS
from benchmarks.peers import home
from benchmarks.processes import ProcessFailed, load, running
from benchmarks.stacks import Profile, read_profile

SERVICES = ("edge", "auth", "guardrails", "router", "billing", "admin")
SHOWN = 22


def py_spy() -> str:
    """Return the command; raise `ProcessFailed` with how to get it."""
    installed = home() / "py-spy" / "bin" / "py-spy"
    found = str(installed) if installed.exists() else shutil.which("py-spy")
    if found is None:
        raise ProcessFailed(f"py-spy is needed: pip install --target {home() / 'py-spy'} py-spy")
    return found


async def sample(pid: int, folder: Path, seconds: int, *, native: bool) -> Profile:
    """Sample one process; threads that wait do not count."""
    out = folder / f"{pid}.stacks"
    command = [py_spy(), "record", "--pid", str(pid), "--duration", str(seconds), "--rate", "250", "--function"]
    command += ["--format", "raw", "--output", str(out), *(["--native"] if native else [])]
    async with running(command, stderr=asyncio.subprocess.STDOUT) as process:
        assert process.stdout is not None
        text = await asyncio.wait_for(process.stdout.read(), seconds + 60)
        if await process.wait() or not out.exists():
            raise ProcessFailed(f"py-spy failed: {text.decode(errors='replace')[-300:]}")
    return read_profile(out.read_text())


async def run(options: argparse.Namespace, console: Console) -> None:
    """Start the stack, and sample one service after the other under load."""
    with tempfile.TemporaryDirectory(prefix="tollway-profile-") as name:
        async with benches(Path(name), console, quick=True) as bench:
            contenders = await _contenders(bench, options)
            for contender, processes in contenders:
                for process in processes:
                    for pid in contender.pids.get(process, []):
                        profile = await _under_load(contender, pid, Path(name), options)
                        show(console, process, profile)
                        _keep(options.out, process, profile)


async def _contenders(bench: Bench, options: argparse.Namespace) -> list[tuple[Contender, list[str]]]:
    if options.bare:
        return [(bench.bare_stream if options.streams else bench.bare, ["proxy"])]
    await bench.start_tollway()
    tollway = bench.tollway()
    assert tollway is not None
    await warm(tollway)
    return [(tollway, options.services or list(SERVICES))]


async def _under_load(contender: Contender, pid: int, folder: Path, options: argparse.Namespace) -> Profile:
    shape: dict[str, str | float] = {"connections": options.connections, "requests": 1_000_000}
    if options.streams:
        shape |= {"connections": 300, "chunks": STREAM_CHUNKS, "spread": 1.0}
    async with load(
        contender.port, key=contender.key, model=contender.model, seconds=options.seconds + 3, **shape
    ) as client:
        working = asyncio.create_task(client.run(options.seconds + 60))
        await asyncio.sleep(1)
        profile = await sample(pid, folder, options.seconds, native=options.native)
        await working
    return profile


def show(console: Console, service: str, profile: Profile) -> None:
    """Print where one process spent its time: by package, by function alone, and with what it calls."""
    for title, counts in (
        ("by package", profile.packages),
        ("in the function itself", profile.alone),
        ("with what it calls", profile.inclusive),
    ):
        console.print(_table(f"{service}: {title}", counts, profile.samples))


def _table(title: str, counts: Counter[str], samples: int) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for name, count in counts.most_common(SHOWN):
        table.add_row(f"{count / max(1, samples):.1%}", name)
    return table


def _keep(folder: Path | None, process: str, profile: Profile) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{process}.stacks").write_text(profile.raw)


def main() -> int:
    """Return 0 when every service was sampled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("services", nargs="*", help=f"any of {', '.join(SERVICES)}; all if none")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--streams", action="store_true", help="300 streams instead of whole answers")
    parser.add_argument("--native", action="store_true", help="with the frames of C extensions")
    parser.add_argument("--bare", action="store_true", help="sample the bare proxy instead")
    parser.add_argument("--out", type=Path, help="a folder for the collapsed stacks, as flame graphs read them")
    try:
        asyncio.run(
            run(
                parser.parse_args(),
                Console(),
            )
        )
    except ProcessFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
