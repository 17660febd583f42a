"""The interface of a guardrail that decides in this process, and what it decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from shared.errors import BlockedContent

Mode = Literal["pre_call", "post_call", "stream"]
"""When a guardrail runs: on the request, on a whole answer, on a running stream."""


class Span(NamedTuple):
    """A part of a text that is to be replaced; offsets in characters."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Block:
    """The verdict that stops a request or an answer."""

    message: str
    """What the caller is told, beside the guardrail's name."""


Verdict = Block | Sequence[Span]
"""Block, or the parts to replace; no parts means that the text passes as it is."""

PASS: tuple[Span, ...] = ()


class Guardrail(Protocol):
    """Looks at one text at a time. Built from its settings; holds no state of any request."""

    @property
    def name(self) -> str:
        """The name that the operator gave it."""
        ...

    @property
    def modes(self) -> frozenset[Mode]:
        """When it runs."""
        ...

    @property
    def hold(self) -> int:
        """Characters at the end of a running text that usually must wait, since a match may have begun there.

        Whatever begins before them has at least `hold` + 1 characters to be recognised by, the one after a
        longest match included.
        """
        ...

    def held(self, text: str) -> int:
        """Return how many at the end of this text must wait: `hold`, or more where its matches can be stretched."""
        ...

    def may_match(self, lines: str) -> bool:
        """Tell whether anything may be found in a text, or in one of several that newlines join.

        False is certain, True need not be: it is the cheap look that most texts need no more than.
        """
        ...

    def judge(self, text: str, start: int = 0, *, more: bool = False) -> Verdict:
        """Return the verdict on the text from `start` on; what stands before it is there as context only.

        With `more` the text may go on, so that a match which depends on its end is not reported.
        """
        ...


class Blocked(BlockedContent):
    """A guardrail's verdict as the caller sees it."""

    def __init__(self, message: str, guardrail: str = "") -> None:
        super().__init__(message)
        self.guardrail = guardrail


def blocked(name: str, verdict: Block) -> Blocked:
    """Return the error for a verdict of the guardrail of that name."""
    return Blocked(f"Blocked by guardrail '{name}': {verdict.message}", name)
