"""Provider accounts that the environment names, under the variables of the vendors' own SDKs."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from shared.settings.checks import target_url
from shared.settings.problems import ConfigurationError


@dataclass(frozen=True)
class ProviderAccess:
    """How to reach a provider."""

    api_key: SecretStr
    api_base: str | None = None
    """None means the vendor's own address."""


_PROVIDERS = {
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
}

PROVIDERS = tuple(_PROVIDERS)
"""Providers whose models a key in the environment switches on."""

PROVIDER_VARIABLES = tuple(name for names in _PROVIDERS.values() for name in names)


def provider_keys(env: Mapping[str, str]) -> dict[str, ProviderAccess]:
    """Return the access of each provider whose key the environment has; raise `ConfigurationError`."""
    return {
        provider: ProviderAccess(SecretStr(env[key]), _base(env, base))
        for provider, (key, base) in _PROVIDERS.items()
        if env.get(key)
    }


def _base(env: Mapping[str, str], name: str) -> str | None:
    try:
        return target_url(env[name]) if env.get(name) else None
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}.") from None
