"""The `/budget` routes."""

from shared.routes.personas import ADMINS_ONLY, SHOWN_TO_VIEWERS
from shared.routes.policy import Route

BUDGET_ROUTES: tuple[Route, ...] = (
    Route("budget_new", "POST", ("/budget/new",), ADMINS_ONLY, summary="Make a budget: limits by name."),
    Route("budget_update", "POST", ("/budget/update",), ADMINS_ONLY, summary="Change a budget."),
    Route("budget_info", "POST", ("/budget/info",), SHOWN_TO_VIEWERS, summary="Tell about budgets."),
    Route("budget_settings", "GET", ("/budget/settings",), SHOWN_TO_VIEWERS, summary="List what a budget may say."),
    Route("budget_list", "GET", ("/budget/list",), SHOWN_TO_VIEWERS, summary="List budgets, newest first."),
    Route("budget_delete", "POST", ("/budget/delete",), ADMINS_ONLY, summary="Delete a budget that nothing uses."),
)
