"""Names of targets are looked up as usual, but never to an address inside the machine's own cloud."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from shared.settings.checks import is_forbidden_host


class GuardedResolver(AbstractResolver):
    """Refuses link-local and metadata addresses each time a name is looked up, since DNS may change its answer."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses that may be called; raise `OSError` when there is none."""
        found = await self._resolver.resolve(host, port, family)
        allowed = [address for address in found if not is_forbidden_host(address["host"])]
        if not allowed:
            raise OSError(f"{host} has no address that may be called")
        return allowed

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._resolver.close()
