"""From the configuration's `mode` to the modes of a guardrail."""

from services.guardrails.domain.guardrail import Mode
from shared.settings.guardrails import GuardrailSettings

_INPUT: frozenset[Mode] = frozenset({"pre_call"})
_OUTPUT: frozenset[Mode] = frozenset({"post_call", "stream"})


def modes_of(settings: GuardrailSettings) -> frozenset[Mode]:
    """Return when a guardrail runs that can run at any time; answers are whole or streamed, as the client asks."""
    return {"pre_call": _INPUT, "post_call": _OUTPUT, "both": _INPUT | _OUTPUT}[settings.mode]
