"""The model groups that a caller may use, as OpenAI or Anthropic list theirs."""

import time
from typing import Any

import msgspec

from services.router.target import Target
from shared.bus.stage import Call
from shared.catalog.catalog import Catalog, provider_names
from shared.errors import ModelNotFound
from shared.schemas.context import Principal
from shared.schemas.frames import Ending, Opening

_encode = msgspec.json.Encoder().encode

JSON = Opening(200, (("content-type", "application/json"),))


class Listing:
    """The handler of `/v1/models` and of one model."""

    def __init__(self, catalog: Catalog[Target]) -> None:
        self._catalog = catalog
        self._created = int(time.time())

    async def answer(self, call: Call) -> None:
        """List the models, or tell about the one that the path names; raises `ModelNotFound`."""
        ctx = call.ctx
        anthropic = any(name == "anthropic-version" for name, _ in ctx.headers)
        describe = self._anthropic if anthropic else self._openai
        names = self._names(ctx.principal)
        if ctx.model:
            if ctx.model not in names:
                raise ModelNotFound(f"The model '{ctx.model[:200]}' does not exist.", param="model")
            body = describe(ctx.model)
        else:
            data = [describe(name) for name in names]
            body = {"object": "list", "data": data}
            if anthropic:
                ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
                body = {"data": data, "has_more": False, **ends}
        call.lane.open(JSON)
        await call.lane.end(Ending(), _encode(body))

    def _names(self, principal: Principal | None) -> list[str]:
        if principal is None:
            return []
        if not principal.restricted:
            return self._catalog.names
        return [
            name
            for name in self._catalog.names
            if principal.may_use(name, provider_names(name, self._catalog.known(name) or ()))
        ]

    def _openai(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._created, "owned_by": "tollway"}

    def _anthropic(self, name: str) -> dict[str, Any]:
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._created))
        return {"type": "model", "id": name, "display_name": name, "created_at": created}
