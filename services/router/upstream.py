"""The HTTP side of a provider call: one pool of connections for each deployment."""

import asyncio
from collections.abc import Iterable

import aiohttp

from services.router.connections import Answer, Departure, Pool
from services.router.target import Target
from services.router.translate import Ask
from shared.errors import BrokenStream, ProviderError
from shared.http.resolver import GuardedResolver
from shared.offload import Pieces

KEEP_ALIVE_SECONDS = 15.0
"""An idle connection is given up before most servers close it, so that few requests meet a closing one."""

ANSWER_LIMIT = 256 * 1024 * 1024
"""Bytes of the largest answer that is not streamed."""

ERROR_LIMIT = 64 * 1024
"""Bytes of an error's body that are read."""


class Upstream:
    """Opens calls to deployments."""

    def __init__(self) -> None:
        self._pools: dict[str, tuple[Target, Pool]] = {}

    async def post(self, target: Target, ask: Ask, forwarded: dict[str, str], departure: Departure) -> Answer:
        """Send the request and return the answer once its status is there; `departure` says whether all of it left.

        Raises `ProviderUnreachable` when the provider never saw the request, `ProviderError` when it left
        without an answer.
        """
        try:
            return await self._pool(target).post(target.url(ask.path).raw_path_qs, forwarded, ask.body, departure)
        except (aiohttp.ClientError, OSError):
            raise ProviderError(
                "the provider closed the connection before it answered", code="provider_disconnected"
            ) from None

    def keep(self, targets: Iterable[Target]) -> None:
        """Let go of the pools of deployments that are not among these; answers that run are still read."""
        kept = {target.id: target for target in targets}
        for id in [id for id, (target, _) in self._pools.items() if kept.get(id) is not target]:
            self._pools.pop(id)[1].retire()

    async def close(self) -> None:
        """Close all connections."""
        for _, pool in self._pools.values():
            await pool.close()
        self._pools.clear()

    def _pool(self, target: Target) -> Pool:
        known = self._pools.get(target.id)
        if known is not None and known[0] is target:
            return known[1]
        pool = Pool(
            target.url(""),
            target.headers,
            GuardedResolver(),
            connect_seconds=target.deployment.timeouts.connect,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
        )
        self._pools[target.id] = (target, pool)
        return pool


async def read_whole(response: Answer, limit: int = ANSWER_LIMIT) -> bytes:
    """Return the body of an answer; raise `BrokenStream` when it ended early or is larger than `limit` bytes."""
    body = Pieces()
    try:
        async for piece in response.content.iter_any():
            body.add(piece)
            if body.size > limit:
                raise BrokenStream(f"the provider's answer is larger than {limit} bytes")
    except (aiohttp.ClientError, OSError, EOFError):
        raise BrokenStream("the provider's answer broke off before its end") from None
    return await body.whole()


async def read_error(response: Answer) -> bytes:
    """Return the beginning of an error's body, or what came of it."""
    body = bytearray()
    try:
        async with asyncio.timeout(5):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) >= ERROR_LIMIT:
                    break
    except (aiohttp.ClientError, OSError, EOFError, TimeoutError):
        pass
    return bytes(body[:ERROR_LIMIT])
