"""`/metrics`: what all workers count, gathered over the bus when it is asked for."""

import asyncio
import hmac
import time
from collections.abc import Callable
from typing import get_args

from aiohttp import web

from shared.bus.scrape import gather_expositions
from shared.bus.worker import Worker
from shared.errors import Unauthenticated, Unavailable, error_json
from shared.schemas.context import ServiceName
from shared.schemas.control import Exposition
from shared.settings.server import ServerSettings
from shared.telemetry import families
from shared.telemetry.exposition import CONTENT_TYPE, merge

GATHER_SECONDS = 1.0
"""How long to wait for workers that beat but do not answer; scrapers give up after ten seconds."""


class MetricsPage:
    """Answers scrapes; those that come while one is under way share its answer."""

    def __init__(self, worker: Worker, settings: ServerSettings) -> None:
        self._worker = worker
        self._key = settings.metrics_key
        self._gathering: asyncio.Task[str] | None = None
        self._unanswered = 0
        worker.metrics.watch(families.SCRAPE_UNANSWERED, lambda: self._unanswered)
        for service in get_args(ServiceName):
            worker.metrics.watch(families.WORKERS, _alive(worker, service), service)

    async def scrape(self, request: web.Request) -> web.Response:
        """Return the metrics of every worker that answers, this process's own in any case."""
        if not self._allowed(request.headers.get("authorization", "")):
            error = Unauthenticated("Metrics need the key that server.metrics_key names, as 'Authorization: Bearer …'.")
            return web.Response(status=401, body=error_json(error.to_body(), "openai"), content_type="application/json")
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.ensure_future(self._gather())
        text = await asyncio.shield(self._gathering)
        return web.Response(body=text.encode(), headers={"content-type": CONTENT_TYPE})

    def _allowed(self, authorization: str) -> bool:
        if self._key is None:
            return True
        expected = f"Bearer {self._key.get_secret_value()}"
        return hmac.compare_digest(authorization.encode("utf-8", "surrogateescape"), expected.encode())

    async def _gather(self) -> str:
        others = await self._others()
        return merge([await self._worker.scrapes.own(), *others])

    async def _others(self) -> list[Exposition]:
        now = time.monotonic()
        members = self._worker.members
        expect = sum(members.heard_of(service, now) for service in members.members)
        if not self._worker.responsive:
            self._unanswered = max(0, expect - 1)
            return []
        try:
            found = await gather_expositions(self._worker.bus, expect=expect, timeout=GATHER_SECONDS)
        except Unavailable:
            found = []
        self._unanswered = max(0, expect - len(found))
        return [part for part in found if part.worker != self._worker.id]


def _alive(worker: Worker, service: str) -> Callable[[], int]:
    return lambda: len(worker.members.alive(service, time.monotonic()))
