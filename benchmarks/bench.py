"""What every scenario is given: the servers of this run, and how thorough to be."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich.console import Console

from benchmarks.contenders import Contender, bare, mock
from benchmarks.ledger import Ledger
from benchmarks.payloads import STREAM_CHUNKS
from benchmarks.stack import Stack, tollway_up


@dataclass
class Bench:
    """One run: the upstream, the yardsticks, Tollway if it is measured, and peers."""

    folder: Path
    quick: bool
    console: Console
    upstream: int
    bare: Contender
    bare_stream: Contender
    stack: Stack | None = None
    ledger: Ledger | None = None
    peers: list[Contender] = field(default_factory=list)
    b: float = 0.0
    """CPU per request of the bare proxy in this run, µs; 0 until it was measured."""
    started: AsyncExitStack = field(default_factory=AsyncExitStack)

    def tollway(self) -> Contender | None:
        """Return Tollway with its virtual key, its processes as they are now."""
        if self.stack is None or self.ledger is None:
            return None
        return self.stack.contender(self.ledger.key)

    async def start_tollway(self) -> None:
        """Start Tollway and make its virtual key."""
        self.say("starting Tollway")
        session = await self.started.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)))
        self.stack = await self.started.enter_async_context(tollway_up(self.folder / "stack", self.upstream))
        self.ledger = await Ledger.open(session, self.stack)

    def say(self, text: str) -> None:
        """Tell what is going on."""
        self.console.print(f"[dim]{text}[/dim]")


@asynccontextmanager
async def benches(folder: Path, console: Console, *, quick: bool) -> AsyncIterator[Bench]:
    """Start the upstream and the yardsticks; end everything that was started when left."""
    async with AsyncExitStack() as started:
        _, upstream = await started.enter_async_context(mock(STREAM_CHUNKS))
        plain = await started.enter_async_context(bare(upstream))
        stream = await started.enter_async_context(bare(upstream, stream=True))
        yield Bench(folder, quick, console, upstream, plain, stream, started=started)
