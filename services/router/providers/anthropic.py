"""Anthropic's Messages API: `api_base` has no version at its end."""

from services.router.providers.types import Headers, Provider

VERSION = "2023-06-01"
"""The API version that Anthropic documents for the Messages API."""


def x_api_key(key: str) -> Headers:
    """Return the credential as Anthropic's own header."""
    return {"x-api-key": key}


ANTHROPIC = Provider(
    name="anthropic",
    dialect="anthropic",
    base_url="https://api.anthropic.com",
    credential=x_api_key,
    headers=(("anthropic-version", VERSION),),
    forwarded=frozenset({"anthropic-beta", "anthropic-version"}),
)
