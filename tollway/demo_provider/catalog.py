"""The handler behind `/v1/models`, in either dialect."""

from typing import Any

from aiohttp import web

from tollway.demo_provider.ask import RefusedError
from tollway.demo_provider.dialect import ANTHROPIC, OPENAI, Dialect
from tollway.demo_provider.openai import encode

MODELS = ("demo", "demo;echo", "demo;reasoning=20", "demo;rate=30/s")
"""Names worth listing; any other name is answered too."""

CREATED = 1_767_225_600
"""When the demo models were made: 2026-01-01 in Unix seconds."""


class Catalog:
    """Lists models to callers with a key."""

    def __init__(self, api_key: str | None) -> None:
        self._api_key = api_key

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer the list, or the one model that the path names."""
        dialect = ANTHROPIC if "anthropic-version" in request.headers else OPENAI
        try:
            dialect.check_key(request.headers, self._api_key)
            body = _listed(dialect, request.path.removeprefix("/v1/models").strip("/"))
        except RefusedError as error:
            refusal = dialect.error(error.status, error.message, error.param, error.code)
            return web.Response(status=error.status, body=refusal, content_type="application/json")
        return web.Response(body=encode(body), content_type="application/json")


def _listed(dialect: Dialect, model: str) -> dict[str, Any]:
    describe = _anthropic_model if dialect is ANTHROPIC else _openai_model
    if model:
        if not model.startswith("demo"):
            raise RefusedError(404, f"The model '{model}' does not exist", param="model", code="model_not_found")
        return describe(model)
    data = [describe(name) for name in MODELS]
    if dialect is ANTHROPIC:
        return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
    return {"object": "list", "data": data}


def _openai_model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "tollway"}


def _anthropic_model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
