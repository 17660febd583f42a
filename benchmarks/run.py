"""`python -m benchmarks.run [scenario …]`: measures Tollway beside the bare proxy, prints, and writes the results."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.bench import Bench, benches
from benchmarks.chart import stacked_bars
from benchmarks.findings import Finding
from benchmarks.peers import installed, litellm
from benchmarks.processes import ROOT, ProcessFailed
from benchmarks.report import machine, markdown, show, write
from benchmarks.scenarios import SCENARIOS
from benchmarks.targets import REQUEST_PLANE, REQUEST_PLANE_IN_B

RESULTS = ROOT / "benchmarks" / "results"
LONGEST_IN_B = 12
"""A contender that costs more is left out of the chart, where it would make the others unreadable."""

_NEEDS_TOLLWAY = {"start", "sustained"}
_WITH_PEERS = {"request", "latency", "streams"}


async def run(options: argparse.Namespace, console: Console) -> list[Finding]:
    """Run the scenarios one after the other; what failed to run is left out and told."""
    findings = []
    with tempfile.TemporaryDirectory(prefix="tollway-bench-") as folder:
        async with benches(Path(folder), console, quick=options.quick) as bench:
            for name in _chosen(options):
                await _prepare(bench, name, options)
                try:
                    finding = await SCENARIOS[name](bench)
                except ProcessFailed as error:
                    console.print(f"[red]{name}: {error}[/red]")
                    continue
                show(console, finding)
                findings.append(finding)
    return findings


def _chosen(options: argparse.Namespace) -> list[str]:
    chosen = [name for name in SCENARIOS if not options.scenarios or name in options.scenarios]
    return [name for name in chosen if not (options.only_bare and name in _NEEDS_TOLLWAY)]


async def _prepare(bench: Bench, name: str, options: argparse.Namespace) -> None:
    # A start is timed while nothing else runs, so the stack to be loaded is started after that.
    if name == "start":
        return
    if bench.stack is None and not options.only_bare:
        await bench.start_tollway()
    wanted = options.peer or (installed() and not options.no_peers)
    if wanted and name in _WITH_PEERS and not bench.peers:
        bench.say("starting LiteLLM; it is installed first if it is not yet, which takes minutes")
        bench.peers.append(await bench.started.enter_async_context(litellm(bench.folder / "litellm", bench.upstream)))


def store(findings: list[Finding], options: argparse.Namespace, facts: dict[str, object]) -> list[Path]:
    """Write JSON, Markdown and charts beside each other; return the files."""
    out: Path = options.out
    write(out, findings, facts, quick=options.quick)
    page = out.with_suffix(".md")
    page.write_text("\n".join(markdown(finding) for finding in findings))
    return [out, page, *(path for finding in findings if (path := _chart(finding, out)) is not None)]


def _chart(finding: Finding, out: Path) -> Path | None:
    if finding.scenario != "request":
        return None
    b = finding.figures["b"]
    bars = {
        name: _parts(value["us"])
        for name, value in finding.figures.items()
        if isinstance(value, dict) and sum(value["us"].values()) < LONGEST_IN_B * b
    }
    path = out.with_name(f"{out.stem}-request.svg")
    path.write_text(stacked_bars(finding.title, bars, (f"{REQUEST_PLANE_IN_B} B", REQUEST_PLANE_IN_B * b)))
    return path


def _parts(us: dict[str, float]) -> dict[str, float]:
    """Return the processes that count for anything, those on a request's way first."""
    first = [name for name in REQUEST_PLANE if name in us]
    rest = sorted(set(us) - set(first), key=lambda name: -us[name])
    return {name: us[name] for name in [*first, *rest] if us[name] > 0.005 * sum(us.values())}


def arguments() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"any of {', '.join(SCENARIOS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="a minute instead of a quarter of an hour; rough figures")
    parser.add_argument("--out", type=Path, default=RESULTS / "latest.json", help="where the results go")
    parser.add_argument("--only-bare", action="store_true", help="measure the bare proxies alone")
    parser.add_argument("--peer", choices=["litellm"], help="install this one in a place of its own, and measure it")
    parser.add_argument("--no-peers", action="store_true", help="leave out peers that are installed")
    return parser


def main() -> int:
    """Return 0 when everything asked for was measured, 1 when not; figures that miss their limit are no error."""
    parser = arguments()
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    console, facts = Console(), machine()
    try:
        findings = asyncio.run(run(options, console))
    except ProcessFailed as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        return 130
    for path in store(findings, options, facts):
        console.print(f"[dim]wrote {path}[/dim]")
    return 0 if len(findings) == len(_chosen(options)) else 1


if __name__ == "__main__":
    sys.exit(main())
