"""What a model is sold for in tests, and the account of what it said for that."""

from dataclasses import dataclass
from textwrap import shorten

from tests.support.real_model import Tokens

INPUT_NANOS = 100
CACHED_NANOS = 10
OUTPUT_NANOS = 400
"""Nano-dollars for a token."""


def price(tokens: Tokens) -> int:
    """Return what these tokens cost, in nano-dollars."""
    fresh = tokens.prompt - tokens.cached
    return fresh * INPUT_NANOS + tokens.cached * CACHED_NANOS + tokens.completion * OUTPUT_NANOS


@dataclass(frozen=True, slots=True)
class Sale:
    """One answer: how it was asked for, what the model said, and the ledger's figures."""

    way: str
    prompt: str
    text: str
    prompt_tokens: int
    completion_tokens: int
    dollars: float

    def lines(self) -> list[str]:
        """Return it for people to read; a long prompt is cut."""
        return [
            self.way,
            f"  asked   {shorten(self.prompt, 80, placeholder=' …')!r}",
            f"  said    {self.text!r}",
            f"  ledger  {self.prompt_tokens} + {self.completion_tokens} tokens, ${self.dollars:.9f}",
        ]
