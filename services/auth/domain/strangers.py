"""How often the database is asked about keys that do not exist: a bound for each address, and one for all."""

from ipaddress import IPv6Address, ip_address

from cachetools import LRUCache

from shared.errors import RateLimited, Unavailable

ADDRESSES = 10_000
"""Addresses that are remembered; the one that was silent for longest goes first."""

ADDRESS_BURST, ADDRESS_PER_SECOND = 100, 10.0
"""Unknown keys that one address may try at once, and in the long run."""

BURST, PER_SECOND = 1000, 200.0
"""The same over all addresses, so that many of them do no more harm than a few."""


class Allowance:
    """Look-ups that are left; they come back with time."""

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, burst: int, per_second: float, now: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at = now

    def wait(self, now: float) -> float:
        """Return after how many seconds there is one again; 0 where there is one."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) / self._per_second

    def take(self, now: float) -> None:
        """Use one, though there may be none; what was used beyond that is waited for, up to a burst's worth."""
        self.wait(now)
        self._left = max(-float(self._burst), self._left - 1)


class Strangers:
    """Counts the keys that nobody knows. Times are in seconds of any one clock."""

    def __init__(self, now: float) -> None:
        self._all = Allowance(BURST, PER_SECOND, now)
        self._by_address: LRUCache[str, Allowance] = LRUCache(ADDRESSES)
        self.turned_away = 0
        """Requests whose key was not looked up."""

    def __len__(self) -> int:
        return len(self._by_address)

    def check(self, address: str, now: float) -> None:
        """Raise `RateLimited` where the address had its share, `Unavailable` where all together had theirs.

        A key that exists costs nothing, so nobody needs room for all of its keys at once.
        """
        own = self._by_address.get(_home(address))
        if own is not None and (wait := own.wait(now)):
            self.turned_away += 1
            raise RateLimited("Too many API keys that do not exist came from this address.", retry_after=wait)
        if wait := self._all.wait(now):
            self.turned_away += 1
            raise Unavailable("too many API keys that do not exist are being tried", retry_after=wait)

    def note(self, address: str, now: float) -> None:
        """Count a key that does not exist."""
        home = _home(address)
        own = self._by_address.get(home)
        if own is None:
            own = self._by_address[home] = Allowance(ADDRESS_BURST, ADDRESS_PER_SECOND, now)
        own.take(now)
        self._all.take(now)


def _home(address: str) -> str:
    """Return what stands for one client: of IPv6 a /64, of which a single host has every address (RFC 7421)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
