"""The `/model` and `/model_group` routes."""

from shared.routes.personas import ADMINS_ONLY, SHOWN_TO_HOLDERS
from shared.routes.policy import Route

MODEL_ROUTES: tuple[Route, ...] = (
    Route("model_new", "POST", ("/model/new",), ADMINS_ONLY, summary="Add a deployment to a model group."),
    Route("model_update", "POST", ("/model/update",), ADMINS_ONLY, summary="Change a deployment."),
    Route(
        "model_patch",
        "PATCH",
        ("/model/{model_id}/update",),
        ADMINS_ONLY,
        summary="Change the deployment that the path names.",
    ),
    Route("model_block", "POST", ("/model/block",), ADMINS_ONLY, summary="Have a deployment serve nothing."),
    Route("model_unblock", "POST", ("/model/unblock",), ADMINS_ONLY, summary="Let a blocked deployment serve again."),
    Route(
        "model_info",
        "GET",
        ("/model/info", "/v1/model/info"),
        SHOWN_TO_HOLDERS,
        summary="Tell about deployments; credentials are masked.",
    ),
    Route("model_delete", "POST", ("/model/delete",), ADMINS_ONLY, summary="Remove a deployment."),
    Route(
        "model_group_info",
        "GET",
        ("/model_group/info",),
        SHOWN_TO_HOLDERS,
        summary="Tell about model groups: providers, prices, limits.",
    ),
)
