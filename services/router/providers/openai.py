"""OpenAI, and every server that speaks its API: `api_base` ends in the version, as `…/v1`."""

from services.router.providers.types import Headers, Provider


def bearer(key: str) -> Headers:
    """Return the credential as a bearer token."""
    return {"authorization": f"Bearer {key}"}


OPENAI = Provider(
    name="openai",
    dialect="openai",
    base_url="https://api.openai.com/v1",
    credential=bearer,
    forwarded=frozenset({"openai-beta"}),
)
