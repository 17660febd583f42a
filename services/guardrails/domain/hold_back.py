"""What of a running text may go out: nothing that a match may still begin in, and never half of one."""

from collections.abc import Sequence
from typing import NamedTuple

from services.guardrails.domain.guardrail import Guardrail, Span
from services.guardrails.domain.judging import judge, may_match

PATIENCE = 4
"""A match that still grows is waited for up to so many times the hold; a longer one goes out in pieces."""


class Released(NamedTuple):
    """Text that may go out, as it came, with the parts of it that must be replaced."""

    text: str
    spans: Sequence[Span]


class HoldBack:
    """One running text under several guardrails; holds at most `PATIENCE` times what must wait, and a piece."""

    def __init__(self, guardrails: Sequence[Guardrail]) -> None:
        self._guardrails = guardrails
        self._hold = max(guardrail.hold for guardrail in guardrails)
        self._before = ""
        self._text = ""

    def feed(self, text: str) -> Released:
        """Take what came and return what may go out now; raises `Blocked`."""
        self._text += text
        settled = len(self._text) - max(guardrail.held(self._text) for guardrail in self._guardrails)
        if settled <= 0:
            return Released("", ())
        return self._release(settled, more=True)

    def finish(self) -> Released:
        """Return the rest, since the text goes on no further; raises `Blocked`."""
        if not self._text:
            return Released("", ())
        return self._release(len(self._text), more=False)

    def _release(self, size: int, *, more: bool) -> Released:
        spans: list[Span] = []
        text = self._before + self._text
        if may_match(text, self._guardrails):
            context = len(self._before)
            found = judge(text, self._guardrails, context, more=more)
            size, spans = self._settled([_moved(span, -context) for span in found], size, more=more)
        if not size:
            return Released("", ())
        released, self._text = self._text[:size], self._text[size:]
        self._before = released[-1]
        return Released(released, spans)

    def _settled(self, found: list[Span], size: int, *, more: bool) -> tuple[int, list[Span]]:
        """Return how much may go out and the spans within; one that reaches into what is held waits or goes whole."""
        spans = [span for span in found if span.start < size]
        if spans and spans[-1].end > size:
            if more and len(self._text) - spans[-1].start < self._hold * PATIENCE:
                return spans.pop().start, spans
            size = spans[-1].end
        return size, spans


def _moved(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by, span.replacement)
