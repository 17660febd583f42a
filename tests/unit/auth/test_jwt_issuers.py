"""Keys fetched from a real provider, which does not always do what it should."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.auth.domain.jwt_signatures import read
from services.auth.jwt.documents import MAX_BYTES, Documents
from services.auth.jwt.issuers import Issuers
from services.auth.jwt.tokens import Tokens, Verified
from shared.errors import TollwayError, Unauthenticated, Unavailable
from shared.security.keys import key_digest
from shared.settings.jwt import JwtIssuer
from tests.support.oidc_provider import OidcProvider


@asynccontextmanager
async def trusting(*settings: dict[str, Any], capacity: int = 100) -> AsyncIterator[Tokens]:
    """Return what verifies tokens of these issuers."""
    issuers = Issuers([JwtIssuer.model_validate(item) for item in settings])
    try:
        yield Tokens(issuers.trusted, capacity)
    finally:
        await issuers.close()


@pytest.fixture
async def provider() -> AsyncIterator[OidcProvider]:
    """A provider that signs by elliptic curves, whose keys are quickly made."""
    async with OidcProvider(algorithm="ES256") as provider:
        yield provider


async def verified(tokens: Tokens, token: str) -> Verified:
    """Verify a token."""
    return await tokens.verify(key_digest(token), token)


async def test_keys_are_found_by_discovery(provider: OidcProvider) -> None:
    """The metadata is asked for, then the keys, once for all tokens."""
    async with trusting(provider.settings()) as tokens:
        for number in range(5):
            found = await verified(tokens, provider.sign(provider.claims(sub=f"user-{number}")))
            assert found.claimed.user == f"user-{number}"
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_keys_may_have_an_address_of_their_own(provider: OidcProvider) -> None:
    """Then nothing is discovered."""
    async with trusting(provider.settings(jwks_url=f"{provider.issuer}/keys")) as tokens:
        await verified(tokens, provider.sign(provider.claims()))
    assert provider.asked == ["/keys"]


async def test_a_token_is_verified_once(provider: OidcProvider) -> None:
    """After that its digest is enough, even for a text that is no token; and only so long."""
    async with trusting(provider.settings(cache_seconds=60)) as tokens:
        token = provider.sign(provider.claims())
        first = await verified(tokens, token)
        assert await tokens.verify(key_digest(token), "not looked at") is first
        assert tokens.known(key_digest(token + "x")) is None
        assert first.until <= provider.claims()["exp"] - 600 + 61


async def test_no_more_tokens_are_remembered_than_there_is_room_for(provider: OidcProvider) -> None:
    """The one unused for longest goes first."""
    async with trusting(provider.settings(), capacity=3) as tokens:
        for number in range(10):
            await verified(tokens, provider.sign(provider.claims(jti=str(number))))
        assert len(tokens) == 3


async def test_a_token_of_nobody_that_is_trusted_costs_no_fetch(provider: OidcProvider) -> None:
    """Neither does one whose algorithm is not accepted."""
    async with trusting(provider.settings(algorithms=["RS256"])) as tokens:
        for claims in (provider.claims(iss="https://evil.example"), provider.claims()):
            with pytest.raises(Unauthenticated):
                await verified(tokens, provider.sign(claims))
    assert provider.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        {"metadata": {"issuer": "https://evil.example"}},
        {"metadata": {"jwks_uri": "http://169.254.169.254/keys"}},
        {"metadata": {"jwks_uri": None}},
        {"key_set": b"<html>"},
        {"key_set": b'{"keys": []}'},
        {"key_set": b" " * (MAX_BYTES + 1)},
        {"key_set": b'{"keys":' + b"[" * 100_000},
    ],
    ids=["another issuer", "metadata address", "no key set", "no JSON", "no key", "too large", "too deep"],
)
async def test_a_provider_that_answers_wrongly_is_one_that_is_away(provider: OidcProvider, answer: Any) -> None:
    """Nobody can tell then, so it is 503."""
    for name, value in answer.items():
        setattr(provider, name, value)
    async with trusting(provider.settings()) as tokens:
        with pytest.raises(Unavailable) as refusal:
            await verified(tokens, provider.sign(provider.claims()))
    assert refusal.value.retry_after


async def test_a_redirect_is_not_followed(provider: OidcProvider) -> None:
    """The operator named an address, not where it leads today."""
    async with trusting(provider.settings(jwks_url=f"{provider.issuer}/moved")) as tokens:
        with pytest.raises(Unavailable):
            await verified(tokens, provider.sign(provider.claims()))
    assert provider.asked == ["/moved"]


async def test_a_provider_that_takes_too_long_is_given_up(provider: OidcProvider) -> None:
    """Its answer has a bound in time."""
    provider.freeze()
    documents = Documents(0.2)
    with pytest.raises(Unavailable, match="TimeoutError"):
        await documents.fetch(f"{provider.issuer}/keys")
    await documents.close()


async def test_a_provider_that_is_away_is_no_reason_to_refuse(provider: OidcProvider) -> None:
    """Nothing is fetched at the start, and a name that does not exist is as one that does not answer."""
    await provider.stop()
    nowhere = {"issuer": "https://login.invalid", "audience": ["tollway"], "user_prefix": "x:"}
    async with trusting(provider.settings(), nowhere) as tokens:
        for claims in (provider.claims(), provider.claims(iss="https://login.invalid")):
            with pytest.raises(Unavailable):
                await verified(tokens, provider.sign(claims, alg="ES256"))


async def test_a_shared_secret_is_read_from_its_file(tmp_path: Path) -> None:
    """A file that cannot be used ends the start with a reason."""
    secret = tmp_path / "secret"
    settings = {"issuer": "internal", "audience": ["tollway"], "algorithms": ["HS256"], "secret_file": str(secret)}
    for content in (None, b"short\n"):
        if content is not None:
            secret.write_bytes(content)
        with pytest.raises(TollwayError, match="internal"):
            async with trusting(settings):
                pass
    secret.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    async with trusting(settings) as tokens:
        with pytest.raises(Unauthenticated):
            await verified(tokens, "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJpbnRlcm5hbCJ9.c2ln")


def test_a_token_says_of_whom_it_claims_to_be(provider: OidcProvider) -> None:
    """That is all that is read of it before its signature is checked."""
    unverified = read(provider.sign(provider.claims()))
    assert (unverified.issuer, unverified.algorithm, unverified.key_id) == (provider.issuer, "ES256", "one")
