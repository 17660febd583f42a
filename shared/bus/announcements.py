"""Facts that somebody wants to be told of, such as a budget that is spent: each is stored once, and then kept.

The subject of a message ends in the fact's id, and the stream takes a message only where its subject has none yet. So
whoever finds a fact out again, another worker or the same one after a restart, changes nothing. Alerts are consumers of
that stream, each with a durable one of its own.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import nats.errors
import nats.js.errors
import structlog

from shared.bus.connection import Bus
from shared.bus.subjects import ALERT_STREAM
from shared.telemetry import families
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

WAITING = 1000
"""Facts that may wait for JetStream; what comes on top is dropped, and told only if another process finds it out."""

TRY_SECONDS = 2.0
"""How long a message waits for its acknowledgement before it is sent again."""

AGAIN_SECONDS = 1.0
"""Pause after a try that failed."""

TRIES = 3
"""Times that JetStream may refuse a message as wrong before the ones behind it have their turn without it."""

LEAVE_SECONDS = 2.0
"""How long a stopping process waits for what it has."""

TAKEN = 10071
"""JetStream's error code for a subject that has a message already."""


_NOBODY = (nats.errors.NoRespondersError, nats.js.errors.NoStreamResponseError)
"""What says for certain that a try stored nothing."""


class _Refused(Exception):
    """JetStream, or the client itself, says that this message is wrong; others may be right."""


class _Fact(NamedTuple):
    subject: str
    id: str
    payload: bytes
    stored: Callable[[], None]


class Announcements:
    """What one process has to announce. Nothing waits for it."""

    def __init__(self, bus: Bus, metrics: Metrics) -> None:
        self._bus = bus
        self._waiting: deque[_Fact] = deque()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Facts given up because too many waited, or because JetStream refused them."""
        metrics.watch(families.ALERTS_WAITING, lambda: len(self._waiting))
        metrics.watch(families.ALERTS_DROPPED, lambda: self.dropped)

    def announce(self, subject: str, id: str, payload: bytes, stored: Callable[[], None]) -> None:
        """Have a fact stored; `stored` is called unless it stood there before.

        Where an acknowledgement was lost and it stands there at the next try, that one counts as ours.
        """
        if len(self._waiting) >= WAITING:
            self.dropped += 1
            log.error("alerts.dropped", subject=subject, waiting=len(self._waiting))
            return
        self._waiting.append(_Fact(subject, id, payload, stored))
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())
            self._task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Store what waits, for at most `LEAVE_SECONDS`."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=LEAVE_SECONDS)
        if self._task is not None:
            log.warning("alerts.not_stored", waiting=len(self._waiting))
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _ended(self, _: "asyncio.Task[None]") -> None:
        self._task = None

    async def _work(self) -> None:
        tries, unsure = 0, False
        while self._waiting:
            try:
                await self._store(self._waiting[0], unsure=unsure)
            except _Refused as error:
                tries += 1
                log.warning("alerts.refused", subject=self._waiting[0].subject, tries=tries, reason=str(error))
                if tries < TRIES:
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                self.dropped += 1
                log.error("alerts.dropped", subject=self._waiting[0].subject, reason=str(error))
            except (nats.errors.Error, OSError, TimeoutError) as error:
                log.warning("alerts.not_acknowledged", error=type(error).__name__)
                unsure = unsure or not isinstance(error, _NOBODY)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self._waiting.popleft()
            tries, unsure = 0, False

    async def _store(self, fact: _Fact, *, unsure: bool) -> None:
        """Store a fact, or find it there; `unsure` says that an earlier try of ours may have stored it."""
        headers = {"Nats-Msg-Id": fact.id, "Nats-Expected-Last-Subject-Sequence": "0"}
        try:
            ack = await self._bus.jetstream.publish(
                fact.subject, fact.payload, timeout=TRY_SECONDS, stream=ALERT_STREAM, headers=headers
            )
        except nats.errors.MaxPayloadError as error:
            raise _Refused(str(error)) from None
        except nats.js.errors.BadRequestError as error:
            if error.err_code != TAKEN:
                raise _Refused(error.description) from None
            ours = unsure
        else:
            ours = unsure or not ack.duplicate
        if ours:
            fact.stored()
