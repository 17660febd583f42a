"""The handlers behind `/_demo/`: what was sold, the last calls, and the reset."""

from typing import Any

import msgspec
from aiohttp import web

from tollway.demo_provider.counters import KEPT_CALLS, Counters


class Inspection:
    """Shows the counters to tests and benchmarks; needs no key."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def stats(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer all sums."""
        return _json(self._counters.stats())

    async def calls(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer the last calls, newest first, at most `limit` (100), those of one `nonce` if it is given."""
        query = request.query
        limit = query.get("limit", "100")
        if not limit.isdecimal():
            return web.Response(status=400, text="limit must be a number\n")
        return _json({"calls": self._counters.calls(min(int(limit), KEPT_CALLS), query.get("nonce"))})

    async def reset(self, request: web.BaseRequest) -> web.StreamResponse:
        """Forget everything."""
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        self._counters.reset()
        return _json({"reset": True})


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
