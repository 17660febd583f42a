"""Every guardrail there is, by the `type` that the configuration names; a new one is one file and one line."""

from collections.abc import Callable, Iterable

from services.guardrails.checks.banned_words import BannedWords
from services.guardrails.checks.regex_mask import RegexMask
from services.guardrails.domain.guardrail import Guardrail
from shared.settings.guardrails import GuardrailSettings

GUARDRAILS: dict[str, Callable[[GuardrailSettings], Guardrail]] = {
    "banned_words": BannedWords,
    "regex_mask": RegexMask,
}


def build(settings: Iterable[GuardrailSettings]) -> list[Guardrail]:
    """Return the configured guardrails, in their order."""
    return [GUARDRAILS[each.type](each) for each in settings]
