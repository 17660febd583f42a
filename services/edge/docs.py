"""`/docs` and `/openapi.json`."""

import base64
import hashlib

import msgspec
from aiohttp import web

from services.edge.domain.docs_page import docs_page
from services.edge.domain.docs_style import STYLE
from shared.openapi import inlined, openapi
from shared.settings.server import ServerSettings

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

PAGE_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "max-age=300",
}
"""The page has one style sheet, named by its hash, and may load and run nothing."""


class Docs:
    """Both are made once, at the start."""

    def __init__(self, settings: ServerSettings) -> None:
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
        self._page = docs_page(inlined(), f"http://{host}:{settings.port}")
        self._document = msgspec.json.encode(openapi())

    async def page(self, _: web.Request) -> web.Response:
        """Return the documentation for people."""
        return web.Response(text=self._page, content_type="text/html", headers=PAGE_HEADERS)

    async def document(self, _: web.Request) -> web.Response:
        """Return the OpenAPI document."""
        return web.Response(body=self._document, content_type="application/json")
