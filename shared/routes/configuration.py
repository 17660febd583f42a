"""The `/config` routes, which are Tollway's own."""

from shared.routes.personas import ADMINS_ONLY
from shared.routes.policy import Route

CONFIGURATION_ROUTES: tuple[Route, ...] = (
    Route("config_reload", "POST", ("/config/reload",), ADMINS_ONLY, summary="Apply the configuration file anew."),
    Route("config_plan", "POST", ("/config/plan",), ADMINS_ONLY, summary="Tell what another file would change."),
)
