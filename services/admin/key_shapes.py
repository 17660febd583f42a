"""Puts together what answers say about keys, with what they spent."""

import asyncio
from collections.abc import Sequence
from typing import Any

from services.admin.domain.key_shapes import token_shape
from services.admin.domain.requests import Request
from services.admin.spending import Spending
from shared.schemas.scopes import Scope
from shared.store.keys import KeyRecord

AT_ONCE = 25
"""Keys whose spend is asked for at a time."""


class KeyShapes:
    """Shapes of keys as they are in the store at this moment."""

    def __init__(self, spending: Spending) -> None:
        self._spending = spending

    async def one(self, key: KeyRecord, request: Request) -> dict[str, Any]:
        """Return a key's shape with what it spent."""
        return (await self.many([key], request))[0]

    async def many(self, keys: Sequence[KeyRecord], request: Request) -> list[dict[str, Any]]:
        """Return the keys' shapes, in their order, each with what it spent."""
        shapes = []
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            spent = await asyncio.gather(*(self._spending.of(Scope("key", key.id), key, request.now) for key in some))
            shapes += [
                {**token_shape(key, reset_at=amount.reset_at), **amount.shape}
                for key, amount in zip(some, spent, strict=True)
            ]
        return shapes
