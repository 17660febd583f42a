"""Which translation serves which pair of dialects."""

from services.router.translate.types import Translator
from shared.errors import Dialect

TRANSLATORS: dict[tuple[Dialect, Dialect], Translator] = {}
"""(client's dialect, provider's dialect) to translator."""


def translator(client: Dialect, provider: Dialect) -> Translator:
    """Return the translator for a pair of dialects."""
    return TRANSLATORS[client, provider]
