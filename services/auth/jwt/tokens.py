"""Verified JWTs: the first request with a token pays for its signature, the others for a look into a table."""

import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

from cachetools import LRUCache
from joserfc.jwk import Key

from services.auth.domain.jwt_claims import Claimed, claimed
from services.auth.domain.jwt_signatures import Unverified, check_algorithm, read, verified_claims
from shared.errors import Unauthenticated
from shared.settings.jwt import JwtIssuer

FindKey = Callable[[Unverified], Coroutine[None, None, Key]]
"""Returns the key that a token names; raises `Unauthenticated`, `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """An issuer, and where its keys are."""

    settings: JwtIssuer
    find_key: FindKey


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that was found to be good; `until` in Unix seconds."""

    claimed: Claimed
    issuer: JwtIssuer
    until: float


class Tokens:
    """Tells whom a token is of. Tokens are remembered by their whole digest, and never themselves."""

    def __init__(
        self, trusted: Mapping[str, Trusted], capacity: int, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._trusted = trusted
        self._verified: LRUCache[str, Verified] = LRUCache(capacity)
        self._clock = clock

    def __len__(self) -> int:
        return len(self._verified)

    def known(self, digest: str) -> Verified | None:
        """Return a token that was verified lately, by SHA-256 of it in hex."""
        found = self._verified.get(digest)
        return found if found is not None and self._clock() < found.until else None

    async def verify(self, digest: str, token: str) -> Verified:
        """Return a token once it is verified; raise `Unauthenticated`, `Forbidden`, `Unavailable`."""
        found = self.known(digest)
        if found is not None:
            return found
        unverified = read(token)
        trusted = self._trusted.get(unverified.issuer)
        if trusted is None:
            raise Unauthenticated("The token's issuer is not known here.")
        issuer = trusted.settings
        check_algorithm(unverified, issuer)
        key = await trusted.find_key(unverified)
        now = self._clock()
        claims = verified_claims(unverified, key, issuer, now)
        until = min(claims["exp"] + issuer.leeway, now + issuer.cache_seconds)
        found = self._verified[digest] = Verified(claimed(claims, issuer), issuer, until)
        return found
