"""What is measured side by side: the bare proxies, Tollway, and any peer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cpu import cpu_seconds
from benchmarks.payloads import MODEL
from benchmarks.processes import load, module

WARM_REQUESTS = 1500


@dataclass(frozen=True)
class Contender:
    """A server that answers chat requests, and the processes that make it up."""

    name: str
    port: int
    pids: dict[str, list[int]]
    key: str = "none"
    model: str = MODEL

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds used so far, by process."""
        return cpu_seconds(self.pids)


@dataclass(frozen=True)
class Measured:
    """One load on one contender: the client's figures, and CPU seconds by process."""

    load: dict[str, Any]
    cpu: dict[str, float]
    progress: list[tuple[float, int]] = field(default_factory=list)

    def each(self, unit: str = "requests") -> dict[str, float]:
        """Return microseconds of CPU for each request (or chunk), by process."""
        count = max(1, int(self.load[unit]))
        return {name: seconds / count * 1e6 for name, seconds in self.cpu.items()}


@asynccontextmanager
async def mock(chunks: int) -> AsyncIterator[tuple[int, int]]:
    """Run the upstream; yield pid and port."""
    async with module("mock", "--chunks", str(chunks)) as started:
        yield started


@asynccontextmanager
async def bare(upstream: int, *, stream: bool = False) -> AsyncIterator[Contender]:
    """Run the bare proxy, or the one for streams, before the upstream on that port."""
    arguments = [f"http://127.0.0.1:{upstream}/v1/chat/completions", *(["--stream"] if stream else [])]
    async with module("bare_proxy", *arguments) as (pid, port):
        yield Contender("bare stream proxy" if stream else "bare proxy", port, {"proxy": [pid]})


async def measure(contender: Contender, **options: str | float) -> Measured:
    """Put a load on a contender and read the processes' clocks right before and right after it."""
    limit = float(options.get("seconds", 0)) or 300.0
    async with load(contender.port, key=contender.key, model=contender.model, **options) as client:
        before = contender.cpu()
        result = await client.run(limit + 60)
        after = contender.cpu()
    return Measured(result, {name: after[name] - before[name] for name in after}, client.progress)


async def warm(contender: Contender, requests: int = WARM_REQUESTS, connections: int = 64) -> None:
    """Let caches fill, pools connect and code be touched, before anything counts."""
    await measure(contender, requests=requests, connections=connections, seconds=60)
