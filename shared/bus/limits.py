"""The way to the limiter: one client for each process that asks, settles or releases.

What one loop turn has for the limiter leaves as one message. What is not answered is sent again, so a limiter that
died, or a broker that restarted, loses nothing: everything is idempotent by request id.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import structlog
from nats.aio.msg import Msg

from shared.bus import subjects
from shared.bus.observed import observe_limits
from shared.bus.worker import Worker
from shared.errors import Unavailable
from shared.schemas.events import Completion
from shared.schemas.limits import Ask, Released, Settled, Turn, TurnAnswered, Verdict

log = structlog.get_logger(__name__)

T = TypeVar("T")

LOOK_SECONDS = 0.1
"""Between two looks at what was not answered."""

AGAIN_SECONDS = 0.3
"""After so long something is said again: a take-over may have swallowed it."""

NEWS_AGAIN_SECONDS = 3.0
"""Settlements and releases are said again after twice as long each time, up to this, until anything is answered:
there may be many, and nobody waits for them."""

WAITING_SECONDS = 1.5
"""The same for a question that the limiter has, and whose turn has not come."""

ASKS_AT_ONCE = 200
ASK_CHARACTERS = 100_000
"""Questions in one message, which a thousand model limits each must not make too large for the broker."""

NEWS_AT_ONCE = 2000
"""Settlements, and releases, in one message."""

UNSETTLED = 100_000
"""Settlements and releases that may wait for the limiter. What comes on top is dropped: billing settles again, and
slots end with their request's deadline."""

MOST = 2**53
"""Tokens, or nano-dollars, of one request: what a typing error in a price makes of it must still fit a message."""

_encode = msgspec.json.Encoder().encode
_answers = msgspec.json.Decoder(TurnAnswered).decode


class LimiterAway(Unavailable):
    """The limiter gave no answer in time."""


@dataclass(slots=True, eq=False)
class _Asked:
    """A question without a verdict."""

    ask: Ask
    until: float
    verdict: "asyncio.Future[Verdict]"
    orphaned: Callable[[Verdict], None]
    again: float = 0.0


@dataclass(slots=True, eq=False)
class _Said:
    """A message that is not answered yet."""

    again: float
    asks: tuple[Ask, ...]
    settled: tuple[Settled, ...]
    released: tuple[Released, ...]


@dataclass(slots=True)
class _News:
    """What leaves with this loop turn."""

    asks: deque[Ask] = field(default_factory=deque)
    settled: deque[Settled] = field(default_factory=deque)
    released: deque[Released] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.asks) + len(self.settled) + len(self.released)


class LimiterClient:
    """Asks the limiter, and tells it what was used and what is over."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._news = _News()
        self._leaving = False
        self._number = 0
        self._patience = AGAIN_SECONDS
        self._said: dict[int, _Said] = {}
        self._asked: dict[str, _Asked] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self.here: Callable[[Turn], bool] = _elsewhere
        """Takes a turn, where the active limiter is in this process; False where it is not."""
        self.unsettled = 0
        """Settlements and releases that the limiter has not confirmed."""
        self.dropped = 0
        """Settlements and releases given up because too many waited."""
        self.repeated = 0
        """Messages that were sent again."""

    async def start(self) -> None:
        """Hear answers, from the next barrier on."""
        await self._worker.bus.subscribe(subjects.limit_answer(self._worker.address), self._answered)
        observe_limits(self._worker.metrics, self)

    async def close(self, timeout: float = 3.0) -> None:
        """Wait until everything that was said is answered, for at most `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self.unsettled:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            log.warning("limits.left_unsettled", waiting=self.unsettled)
        if self._looking is not None:
            self._looking.cancel()

    @property
    def asking(self) -> int:
        """Questions without a verdict."""
        return len(self._asked)

    def ask(self, ask: Ask, until: float, orphaned: Callable[[Verdict], None]) -> "asyncio.Future[Verdict]":
        """Ask; the future fails with `LimiterAway` at `until` (Unix seconds) if there is no verdict by then.

        `orphaned` gets a verdict that comes after whoever waited for it has left.
        """
        if ask.tokens > MOST or ask.cost > MOST:
            ask = msgspec.structs.replace(ask, tokens=min(ask.tokens, MOST), cost=min(ask.cost, MOST))
        asked = _Asked(ask, until, self._loop.create_future(), orphaned)
        self._asked[ask.id] = asked
        self._news.asks.append(ask)
        self._leave()
        return asked.verdict

    def settle(self, id: str, tokens: int, cost: int, ended: float, *, estimated: bool = False) -> None:
        """Say what a request used in tokens and nano-dollars, and when it ended (Unix seconds)."""
        if self._has_room():
            self._news.settled.append(Settled(id, min(tokens, MOST), min(cost, MOST), ended, estimated))
            self._leave()

    def settle_for(self, completion: Completion) -> None:
        """Say what a request used, once its event is stored, where the limiter holds anything for it."""
        if completion.limited:
            cost, estimated = completion.cost, completion.estimated
            self.settle(completion.request_id, completion.tokens, cost, completion.ended, estimated=estimated)

    def release(self, id: str, *, sent: bool) -> None:
        """Say that a request is over; `sent` tells whether a provider was called."""
        if self._has_room():
            self._news.released.append(Released(id, sent))
            self._leave()

    def _has_room(self) -> bool:
        if self.unsettled < UNSETTLED:
            self.unsettled += 1
            return True
        self.dropped += 1
        return False

    def _leave(self) -> None:
        if not self._leaving:
            self._leaving = True
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        self._leaving = False
        now = time.monotonic()
        again = now + AGAIN_SECONDS
        while self._news:
            asks = _some_asks(self._news.asks)
            settled, released = _some(self._news.settled, NEWS_AT_ONCE), _some(self._news.released, NEWS_AT_ONCE)
            self._number += 1
            self._said[self._number] = _Said(now + self._patience, asks, settled, released)
            for ask in asks:
                if (asked := self._asked.get(ask.id)) is not None:
                    asked.again = again
            self._publish(Turn(self._worker.address, self._number, asks, settled, released))
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._look)

    def _publish(self, turn: Turn) -> None:
        if self.here(turn):
            return
        try:
            self._worker.bus.publish(subjects.LIMIT_TURN, _encode(turn))
        except Unavailable as error:
            log.warning("limits.not_sent", reason=error.message)

    def _answered(self, message: Msg) -> None:
        self.take(_answers(message.data))

    def take(self, answers: TurnAnswered) -> None:
        """Take the limiter's answers."""
        self._patience = AGAIN_SECONDS
        for verdict in answers.verdicts:
            asked = self._asked.pop(verdict.id, None)
            if asked is None:
                continue
            if asked.verdict.done():
                asked.orphaned(verdict)
            else:
                asked.verdict.set_result(verdict)
        if answers.done:
            waiting = time.monotonic() + WAITING_SECONDS
            for number in answers.done:
                said = self._said.pop(number, None)
                if said is None:
                    continue
                self.unsettled -= len(said.settled) + len(said.released)
                for ask in said.asks:
                    if (asked := self._asked.get(ask.id)) is not None:
                        asked.again = waiting
        self._idle.set()

    def _look(self) -> None:
        """Give up questions whose time is over, and say again what was not answered."""
        self._looking = None
        now = time.monotonic()
        self._give_up(time.time())
        late = [number for number, said in self._said.items() if said.again <= now]
        for number in late:
            said = self._said.pop(number)
            self._news.settled.extend(said.settled)
            self._news.released.extend(said.released)
        self._news.asks.extend(asked.ask for asked in self._asked.values() if asked.again <= now)
        if self._news:
            self.repeated += 1
            self._patience = min(self._patience * 2, NEWS_AGAIN_SECONDS)
            self._send()
        elif self._said or self._asked:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._look)

    def _give_up(self, now: float) -> None:
        for id, asked in [(id, asked) for id, asked in self._asked.items() if asked.until <= now]:
            del self._asked[id]
            if not asked.verdict.done():
                asked.verdict.set_exception(
                    LimiterAway("the limits that hold here cannot be checked right now; try again", retry_after=1)
                )


def _elsewhere(_: Turn) -> bool:
    return False


def _some_asks(queue: deque[Ask]) -> tuple[Ask, ...]:
    """Take questions from the front of a queue, at least one, as many as a message holds."""
    some: list[Ask] = []
    room = ASK_CHARACTERS
    while queue and len(some) < ASKS_AT_ONCE and (room := room - queue[0].length) > 0:
        some.append(queue.popleft())
    return tuple(some) if some or not queue else (queue.popleft(),)


def _some(queue: deque[T], number: int) -> tuple[T, ...]:
    """Take at most so many from the front of a queue."""
    return tuple(queue.popleft() for _ in range(min(number, len(queue))))
