"""Metrics over the bus: every worker replies to a scrape, and one process gathers the replies."""

import asyncio

import msgspec
import structlog
from nats.aio.msg import Msg

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.schemas.control import Exposition
from shared.telemetry.exposition import expose
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

ANSWERS_AT_ONCE = 4
"""Scrapes that one worker answers at a time; further ones hear nothing from it."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Exposition).decode


class ScrapeResponder:
    """Replies with this process's metrics."""

    def __init__(self, bus: Bus, metrics: Metrics, service: str, worker: str) -> None:
        self._bus = bus
        self._metrics = metrics
        self._service = service
        self._worker = worker
        self._answers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take scrapes."""
        await self._bus.subscribe(subjects.SCRAPE, self._asked)

    async def own(self) -> Exposition:
        """Return this process's metrics, letting the loop run between two families."""
        families = []
        for family in expose(self._metrics, self._service, self._worker):
            families.append(family)
            await asyncio.sleep(0)
        return Exposition(self._service, self._worker, families)

    def _asked(self, message: Msg) -> None:
        if len(self._answers) >= ANSWERS_AT_ONCE or not message.reply:
            return
        task = asyncio.ensure_future(self._answer(message.reply))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, reply: str) -> None:
        self._bus.publish(reply, _encode(await self.own()))


async def gather_expositions(bus: Bus, *, expect: int, timeout: float) -> list[Exposition]:
    """Ask every worker for its metrics; return those that came within `timeout` seconds, by service and worker.

    Raises `BusUnavailable` when the broker cannot be reached.
    """
    answers = await bus.gather(subjects.SCRAPE, b"", expect=expect, timeout=timeout)
    found: list[Exposition] = []
    for answer in answers:
        try:
            found.append(_decode(answer))
        except msgspec.MsgspecError as error:
            log.warning("scrape.bad_answer", error=str(error))
    return sorted(found, key=lambda part: (part.service, part.worker))
