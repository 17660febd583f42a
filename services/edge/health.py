"""Liveness, which depends on nothing, and readiness, which says what is missing."""

import time

from aiohttp import web

from shared.bus.worker import Worker

NEEDED = ("auth", "guardrails", "router")
"""Services without which no LLM request can be answered."""

WANTED = ("billing", "admin", "passthrough")
"""Services whose absence is said, but stops no LLM request."""

SILENT_BROKER = "the message broker does not answer"

OURS = {"server": "tollway"}
"""Answers do not tell which server's version runs."""


class Health:
    """Answers probes from what this process hears anyway."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def liveliness(self, _: web.Request) -> web.Response:
        """The process runs its loop."""
        return web.json_response("I'm alive!", headers=OURS)

    async def readiness(self, _: web.Request) -> web.Response:
        """Return 200 when a request can be served, else 503; both say what is missing.

        `declarations` says what became of the objects of the configuration file; without them requests are served.
        """
        now = time.monotonic()
        members = self._worker.members
        missing = [f"no {name} worker" for name in NEEDED if not members.alive(name, now)]
        if not self._worker.responsive:
            missing.insert(0, SILENT_BROKER)
        missing += [f"{service}: {what}" for service, what in members.missing(now)]
        ready = self._worker.responsive and all(members.alive(name, now) for name in NEEDED)
        body = {
            "status": "healthy" if ready else "unhealthy",
            "missing": missing,
            "absent": [name for name in WANTED if not members.alive(name, now)],
            "declarations": members.declarations(now) or "unknown",
            "workers": {service: len(members.alive(service, now)) for service in members.members},
        }
        return web.json_response(body, status=200 if ready else 503, headers=OURS)
