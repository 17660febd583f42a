"""An issuer's public keys: fetched once for all who wait, kept while they are fresh, and longer where need be.

A flood of tokens with unknown keys costs one fetch in `PAUSE_SECONDS`, and so does a provider that is away.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from math import inf

import structlog
from joserfc.jwk import Key

from services.auth.domain.jwt_signatures import Unverified, key_for
from shared.errors import Unauthenticated, Unavailable

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 5.0
"""Between two fetches because of an unknown key, and after a fetch that failed."""

MOST_WAITING = 200
"""Requests that wait for one fetch; past it a provider that is slow would fill the stage."""

Fetch = Callable[[], Coroutine[None, None, Sequence[Key]]]
"""Reads the keys from the provider; raises `Unavailable`."""


class KeySource:
    """The keys of one issuer, as of the last fetch."""

    def __init__(
        self,
        issuer: str,
        fetch: Fetch,
        *,
        cache_seconds: float,
        keep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._cache_seconds = cache_seconds
        self._keep_seconds = max(keep_seconds, cache_seconds)
        self._clock = clock
        self._keys: Sequence[Key] = ()
        self._read_at = self._failed_at = self._asked_again_at = -inf
        self._running: asyncio.Task[None] | None = None
        self._waiting = 0
        self.fetched = 0
        self.failed = 0

    async def find(self, token: Unverified) -> Key:
        """Return the key that a token names; raise `Unauthenticated` where the issuer has no such key.

        Raises `Unavailable` where that cannot be told: the provider cannot be reached, and the key is not among
        those that are known, or they are too old.
        """
        if self._age >= self._cache_seconds / 2:
            self._begin()
        if self._age >= (self._keep_seconds if self._failing else self._cache_seconds):
            await self._wait()
        if self._age >= self._keep_seconds:
            raise self._unavailable()
        return key_for(token, self._keys) or await self._find_again(token)

    async def close(self) -> None:
        """Stop what is being fetched."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    @property
    def _age(self) -> float:
        return self._clock() - self._read_at

    @property
    def _failing(self) -> bool:
        return self._failed_at > self._read_at

    async def _find_again(self, token: Unverified) -> Key:
        """Ask for the keys once more, since the provider may have made a new one."""
        if self._clock() - self._asked_again_at >= PAUSE_SECONDS:
            self._asked_again_at = self._clock()
            self._begin()
        await self._wait()
        key = key_for(token, self._keys)
        if key is None and self._failing:
            raise self._unavailable()
        if key is None:
            raise Unauthenticated("The token is signed by a key that its issuer does not have.")
        return key

    def _begin(self) -> None:
        if self._running is None and self._clock() - self._failed_at >= PAUSE_SECONDS:
            self._running = asyncio.get_running_loop().create_task(self._read())

    async def _wait(self) -> None:
        if self._running is None:
            return
        if self._waiting >= MOST_WAITING:
            raise self._unavailable()
        self._waiting += 1
        try:
            await asyncio.wait([self._running])
        finally:
            self._waiting -= 1

    async def _read(self) -> None:
        try:
            self._keys = await self._fetch()
        except Unavailable as error:
            self.failed += 1
            self._failed_at = self._clock()
            log.warning("auth.jwt_keys_unavailable", issuer=self._issuer, reason=error.message)
        else:
            self.fetched += 1
            self._read_at = self._clock()
        finally:
            self._running = None

    def _unavailable(self) -> Unavailable:
        return Unavailable("the keys of the token's issuer cannot be fetched right now", retry_after=PAUSE_SECONDS)
