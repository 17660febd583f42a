"""Which guardrails apply to what."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.guardrails.domain.guardrail import Guardrail, Mode


@dataclass(frozen=True, slots=True)
class Policy:
    """The guardrails that apply, by when they run."""

    pre_call: tuple[Guardrail, ...] = ()
    post_call: tuple[Guardrail, ...] = ()
    stream: tuple[Guardrail, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all of them, each once, in order."""
        return tuple(dict.fromkeys(each.name for each in (*self.pre_call, *self.post_call, *self.stream)))


def policy_of(guardrails: Sequence[Guardrail]) -> Policy:
    """Return the policy under which all of these apply, each in its modes."""

    def of(mode: Mode) -> tuple[Guardrail, ...]:
        return tuple(guardrail for guardrail in guardrails if mode in guardrail.modes)

    return Policy(of("pre_call"), of("post_call"), of("stream"))
