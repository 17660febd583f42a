"""Which translation serves which pair of dialects."""

from services.router.translate.anthropic_over_anthropic import AnthropicOverAnthropic
from services.router.translate.anthropic_over_openai import AnthropicOverOpenAI
from services.router.translate.openai_over_anthropic import OpenAIOverAnthropic
from services.router.translate.openai_over_openai import OpenAIOverOpenAI
from services.router.translate.types import Translator
from shared.errors import Dialect

TRANSLATORS: dict[tuple[Dialect, Dialect], Translator] = {
    ("openai", "openai"): OpenAIOverOpenAI(),
    ("openai", "anthropic"): OpenAIOverAnthropic(),
    ("anthropic", "openai"): AnthropicOverOpenAI(),
    ("anthropic", "anthropic"): AnthropicOverAnthropic(),
}
"""(client's dialect, provider's dialect) to translator."""


def translator(client: Dialect, provider: Dialect) -> Translator:
    """Return the translator for a pair of dialects."""
    return TRANSLATORS[client, provider]
