"""The management routes, under LiteLLM's names."""

from shared.routes.policy import ADMINS, ANYBODY, VIEWERS, Policy, Route

_ADMIN = Policy(ADMINS, next="admin")
_VIEWER = Policy(VIEWERS, next="admin")
_OWN = Policy(ANYBODY, next="admin")
"""Admin shows a key holder its own objects only."""

MANAGEMENT_ROUTES: tuple[Route, ...] = (
    Route("key_generate", "POST", ("/key/generate",), _ADMIN, summary="Make a key; it is shown this once."),
    Route("key_info", "GET", ("/key/info",), _OWN, summary="Tell about a key, with its spend."),
    Route("key_delete", "POST", ("/key/delete",), _ADMIN, summary="Delete keys."),
    Route("key_block", "POST", ("/key/block",), _ADMIN, summary="Block a key until it is unblocked."),
    Route("key_unblock", "POST", ("/key/unblock",), _ADMIN, summary="Let a blocked key work again."),
    Route("key_list", "GET", ("/key/list",), _VIEWER, summary="List keys, in pages."),
    Route("model_new", "POST", ("/model/new",), _ADMIN, summary="Add a deployment to a model group."),
    Route(
        "model_info",
        "GET",
        ("/model/info", "/v1/model/info"),
        _OWN,
        summary="Tell about deployments; credentials are masked.",
    ),
    Route("model_delete", "POST", ("/model/delete",), _ADMIN, summary="Remove a deployment."),
    Route("spend_logs", "GET", ("/spend/logs",), _OWN, summary="List ledger entries, newest first."),
)
