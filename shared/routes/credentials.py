"""The `/credentials` routes."""

from shared.routes.personas import ADMINS_ONLY, SHOWN_TO_VIEWERS
from shared.routes.policy import Route

_ONE = "/credentials/{credential_name}"

CREDENTIAL_ROUTES: tuple[Route, ...] = (
    Route("credential_new", "POST", ("/credentials",), ADMINS_ONLY, summary="Store a provider's credential, sealed."),
    Route("credential_list", "GET", ("/credentials",), SHOWN_TO_VIEWERS, summary="List credentials, secrets masked."),
    Route(
        "credential_by_model",
        "GET",
        ("/credentials/by_model/{model_id}",),
        SHOWN_TO_VIEWERS,
        summary="Tell about a deployment's credential.",
    ),
    Route(
        "credential_by_name",
        "GET",
        ("/credentials/by_name/{credential_name}", _ONE),
        SHOWN_TO_VIEWERS,
        summary="Tell about a credential, secrets masked.",
    ),
    Route("credential_update", "PATCH", (_ONE,), ADMINS_ONLY, summary="Change a credential."),
    Route("credential_delete", "DELETE", (_ONE,), ADMINS_ONLY, summary="Delete a credential that nothing uses."),
)
