"""The `/spend` routes."""

from shared.routes.personas import SHOWN_TO_HOLDERS
from shared.routes.policy import Route

SPEND_ROUTES: tuple[Route, ...] = (
    Route("spend_logs", "GET", ("/spend/logs",), SHOWN_TO_HOLDERS, summary="List ledger entries, newest first."),
)
