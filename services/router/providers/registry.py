"""The providers that a deployment may name; one line each."""

from services.router.providers.anthropic import ANTHROPIC
from services.router.providers.demo import DEMO
from services.router.providers.openai import OPENAI
from services.router.providers.types import Provider

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (OPENAI, ANTHROPIC, DEMO)}
