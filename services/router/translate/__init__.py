"""Pure translation between a client's dialect and a provider's: `<client>_over_<provider>.py` is the route."""

from services.router.translate.registry import translator
from services.router.translate.types import Ask, OwnFields, StreamReader, Translator, Whole

__all__ = ["Ask", "OwnFields", "StreamReader", "Translator", "Whole", "translator"]
