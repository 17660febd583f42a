"""The `/audit` routes."""

from shared.routes.personas import SHOWN_TO_VIEWERS
from shared.routes.policy import Route

AUDIT_ROUTES: tuple[Route, ...] = (
    Route("audit_list", "GET", ("/audit",), SHOWN_TO_VIEWERS, summary="List changes, newest first."),
    Route("audit_one", "GET", ("/audit/{id}",), SHOWN_TO_VIEWERS, summary="Tell about one change."),
)
