"""When an issuer's keys are fetched, and what counts while they cannot be."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key

from services.auth.domain.jwt_signatures import Unverified
from services.auth.jwt.key_source import MOST_WAITING, PAUSE_SECONDS, KeySource
from shared.errors import Unauthenticated, Unavailable

KEYS: dict[str, Key] = {
    name: ECKey.generate_key("P-256", {"kid": name, "use": "sig"}, private=False) for name in ("one", "two")
}


def token(kid: str) -> Unverified:
    """Return a token that names a key."""
    return Unverified("", "ES256", kid, "https://login.example")


class Provider:
    """A provider and a clock, both of them the test's."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.keys: Sequence[Key] | None = (KEYS["one"],)
        self.fetches = 0
        self.open = asyncio.Event()
        self.open.set()
        self.source = KeySource(
            "https://login.example", self.fetch, cache_seconds=300, keep_seconds=3600, clock=lambda: self.now
        )

    async def fetch(self) -> Sequence[Key]:
        """Answer once the provider is open; `keys` of None is one that is away."""
        self.fetches += 1
        await self.open.wait()
        if self.keys is None:
            raise Unavailable("it is away")
        return self.keys

    async def find(self, kid: str = "one") -> Key:
        """Ask for a key."""
        return await self.source.find(token(kid))


async def test_keys_are_fetched_once_for_all_who_wait() -> None:
    """A hundred requests with a cold cache cost one fetch."""
    provider = Provider()
    assert await asyncio.gather(*(provider.find() for _ in range(100))) == [KEYS["one"]] * 100
    assert provider.fetches == 1


async def test_a_new_key_is_fetched_when_its_first_token_comes() -> None:
    """A provider that rotates need not wait for a cache to end."""
    provider = Provider()
    await provider.find()
    provider.keys = (KEYS["one"], KEYS["two"])
    assert await provider.find("two") == KEYS["two"]
    assert provider.fetches == 2


async def test_a_flood_of_unknown_keys_costs_one_fetch() -> None:
    """The others are refused at once, until the pause is over."""
    provider = Provider()
    await provider.find()
    for number in range(1000):
        with pytest.raises(Unauthenticated):
            await provider.find(f"made-up-{number}")
    assert provider.fetches == 2
    provider.now += PAUSE_SECONDS
    with pytest.raises(Unauthenticated):
        await provider.find("made-up")
    assert provider.fetches == 3


async def test_a_withdrawn_key_stops_working() -> None:
    """At the latest once the cache is over."""
    provider = Provider()
    await provider.find()
    provider.keys = (KEYS["two"],)
    provider.now += 300
    with pytest.raises(Unauthenticated):
        await provider.find("one")


async def test_keys_are_fetched_anew_before_they_are_too_old(eventually: Any) -> None:
    """In the background, so that nobody waits for it."""
    provider = Provider()
    await provider.find()
    provider.now += 150
    provider.open.clear()
    assert await provider.find() == KEYS["one"]
    await eventually(lambda: provider.fetches == 2)
    await provider.source.close()


async def test_known_keys_go_on_working_while_the_provider_is_away() -> None:
    """To their stated age; then nobody can tell, which is 503 with a time to wait, and so is an unknown key."""
    provider = Provider()
    await provider.find()
    provider.keys = None
    provider.now += 3599
    assert await provider.find() == KEYS["one"]
    with pytest.raises(Unavailable) as unknown:
        await provider.find("two")
    assert unknown.value.retry_after == PAUSE_SECONDS
    provider.now += 1
    with pytest.raises(Unavailable):
        await provider.find()


async def test_a_provider_that_is_away_is_asked_once_in_a_pause() -> None:
    """However many tokens come, and it is asked again after it."""
    provider = Provider()
    provider.keys = None
    for _ in range(100):
        with pytest.raises(Unavailable):
            await provider.find()
    assert provider.fetches == 1
    provider.keys = (KEYS["one"],)
    provider.now += PAUSE_SECONDS
    assert await provider.find() == KEYS["one"]


async def test_a_provider_that_failed_holds_up_nobody_whose_key_is_known(eventually: Any) -> None:
    """It is frozen when it is asked again, and the known key is good meanwhile."""
    provider = Provider()
    await provider.find()
    provider.keys = None
    provider.now += 300
    assert await provider.find() == KEYS["one"]
    provider.now += PAUSE_SECONDS
    provider.open.clear()
    async with asyncio.timeout(30):
        assert await provider.find() == KEYS["one"]
    await eventually(lambda: provider.fetches == 3)
    await provider.source.close()


async def test_no_more_than_so_many_wait_for_a_slow_provider() -> None:
    """The others get 503 at once, so that the stage does not fill."""
    provider = Provider()
    provider.open.clear()
    waiting = [asyncio.ensure_future(provider.find()) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await provider.find()
    provider.open.set()
    assert len(await asyncio.gather(*waiting)) == MOST_WAITING
