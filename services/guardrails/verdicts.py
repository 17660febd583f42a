"""Tells the operator what guardrails stopped; never the text that they stopped."""

from typing import Literal

import structlog

from services.guardrails.domain.guardrail import Blocked
from shared.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class Verdicts:
    """Logs and counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def blocked(self, request: str, what: Literal["request", "answer"], verdict: Blocked) -> None:
        """Note that a request or its answer was stopped."""
        log.info("guardrails.blocked", request_id=request, what=what, guardrail=verdict.guardrail)
        self._metrics.verdict(verdict.guardrail, f"{what}_blocked")
