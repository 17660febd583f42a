"""A line in the log for each request that failed, and for every request where the operator asks for it."""

import time

import structlog
from aiohttp import web

from services.edge.facts import CLIENT, CODE, ID, LABEL

log = structlog.get_logger(__name__)

LINES_PER_SECOND = 50
"""Lines about callers' own mistakes (statuses below 500) in a second; a flood of bad keys must not fill the disk."""


class RequestLog:
    """Writes how requests ended: ids, route, status and time, never a key or a text."""

    def __init__(self, *, every: bool) -> None:
        self._every = every
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def ended(self, request: web.Request, route: str, status: int, seconds: float) -> None:
        """Note a request's end; a stream that broke after its status went out has failed, too."""
        failed = status >= 400 or CODE in request
        if not (failed or self._every):
            return
        faulty = status >= 500 or (failed and status < 400)
        if not (faulty or self._every or self._has_room()):
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        write = log.warning if faulty else log.info
        write(
            "edge.request_failed" if failed else "edge.request_ended",
            request_id=request[ID],
            label=request[LABEL],
            route=route,
            status=status,
            code=request.get(CODE, ""),
            milliseconds=round(seconds * 1000, 1),
            client=request[CLIENT],
            **({"left_out": left_out} if left_out else {}),
        )

    def _has_room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        return self._lines <= LINES_PER_SECOND
