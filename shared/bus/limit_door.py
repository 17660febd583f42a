"""The limiter's own end of the bus: what processes have for it comes in, and its answers go out."""

import re
from collections.abc import Callable

import msgspec
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.bus import subjects
from shared.bus.connection import Bus
from shared.errors import Unavailable
from shared.schemas.limits import Turn, TurnAnswered

log = structlog.get_logger(__name__)

_ADDRESS = re.compile(r"[a-z]+\.[A-Za-z0-9_-]+")
"""A sender's address becomes part of a subject, so it may not be anything else."""

_encode = msgspec.json.Encoder().encode
_turn = msgspec.json.Decoder(Turn).decode


class LimiterDoor:
    """Open at the active limiter, and at one that does not know yet that it was deposed."""

    def __init__(self, bus: Bus, on_turn: Callable[[Turn], None]) -> None:
        self._bus = bus
        self.neighbours: dict[str, Callable[[TurnAnswered], None]] = {}
        """Who is answered within this process, by address."""
        self._on_turn = on_turn
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Take turns."""
        self._subscription = await self._bus.subscribe(subjects.LIMIT_TURN, self._receive)

    async def close(self) -> None:
        """Take no more."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.unsubscribe()

    def answer(self, sender: str, answers: TurnAnswered) -> None:
        """Answer a process; one that hears nothing asks again."""
        if (take := self.neighbours.get(sender)) is not None:
            take(answers)
            return
        try:
            self._bus.publish(subjects.limit_answer(sender), _encode(answers))
        except Unavailable as error:
            log.warning("limits.not_answered", reason=error.message)

    def _receive(self, message: Msg) -> None:
        try:
            turn = _turn(message.data)
        except msgspec.MsgspecError as error:
            log.error("limits.bad_turn", error=str(error))
            return
        if _ADDRESS.fullmatch(turn.sender):
            self._on_turn(turn)
