"""The `/model` routes."""

from shared.routes.personas import ADMINS_ONLY, SHOWN_TO_HOLDERS
from shared.routes.policy import Route

MODEL_ROUTES: tuple[Route, ...] = (
    Route("model_new", "POST", ("/model/new",), ADMINS_ONLY, summary="Add a deployment to a model group."),
    Route(
        "model_info",
        "GET",
        ("/model/info", "/v1/model/info"),
        SHOWN_TO_HOLDERS,
        summary="Tell about deployments; credentials are masked.",
    ),
    Route("model_delete", "POST", ("/model/delete",), ADMINS_ONLY, summary="Remove a deployment."),
)
