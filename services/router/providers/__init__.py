"""How each provider is reached: its dialect, its address and where its credential goes."""

from services.router.providers.registry import PROVIDERS
from services.router.providers.types import Provider

__all__ = ["PROVIDERS", "Provider"]
