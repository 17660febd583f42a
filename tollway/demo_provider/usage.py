"""The usage that the provider reports, which is what it sold."""

from dataclasses import dataclass

from tollway.demo_provider.ask import Ask
from tollway.demo_provider.behaviour import Behaviour
from tollway.demo_provider.text import Answer


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call in disjoint parts, but for `reasoning`, which is a part of `output`."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def all_input(self) -> int:
        """Return input tokens of every kind."""
        return self.input + self.cached + self.cache_write


def usage_of(ask: Ask, behaviour: Behaviour, answer: Answer) -> Usage:
    """Return what a call uses when its answer is sent whole."""
    return Usage(
        input=ask.input_tokens if behaviour.input is None else behaviour.input,
        cached=behaviour.cached,
        cache_write=behaviour.cache_write,
        output=answer.size * ask.n,
        reasoning=len(answer.reasoning) * ask.n,
    )
