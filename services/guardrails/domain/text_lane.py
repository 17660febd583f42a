"""One running text of a stream, rewritten as it passes."""

from collections.abc import Sequence
from typing import Protocol

from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.hold_back import HoldBack
from services.guardrails.domain.judging import rewritten


class TextLane(Protocol):
    """Pieces of a text in, pieces of the checked text out, a little later."""

    def feed(self, text: str) -> str:
        """Take a piece and return what may go out; raises `Blocked`."""
        ...

    def finish(self) -> str:
        """Return what was held; raises `Blocked`."""
        ...


class PlainLane:
    """Text as people read it."""

    def __init__(self, guardrails: Sequence[Guardrail]) -> None:
        self._held = HoldBack(guardrails)

    def feed(self, text: str) -> str:
        """Take a piece and return what may go out; raises `Blocked`."""
        return rewritten(*self._held.feed(text))

    def finish(self) -> str:
        """Return what was held; raises `Blocked`."""
        return rewritten(*self._held.finish())
