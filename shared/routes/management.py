"""The management routes, under LiteLLM's names."""

from shared.routes.policy import Persona, Route, managed

_ADMIN: frozenset[Persona] = frozenset({"proxy_admin"})
_VIEWERS: frozenset[Persona] = _ADMIN | {"proxy_admin_viewer"}
_KEY_MAKERS: frozenset[Persona] = frozenset({"organization_admin", "team_admin", "internal_user"})
_USERS: frozenset[Persona] = _KEY_MAKERS | {"internal_user_viewer"}
_HOLDERS: frozenset[Persona] = _USERS | {"key_holder"}

_ADMINS_ONLY = managed(everywhere=_ADMIN)
_SHOWN_TO_HOLDERS = managed(everywhere=_VIEWERS, own=_HOLDERS)

MANAGEMENT_ROUTES: tuple[Route, ...] = (
    Route("key_generate", "POST", ("/key/generate",), _ADMINS_ONLY, summary="Make a key; it is shown this once."),
    Route("key_info", "GET", ("/key/info",), _SHOWN_TO_HOLDERS, summary="Tell about a key, with its spend."),
    Route("key_delete", "POST", ("/key/delete",), _ADMINS_ONLY, summary="Delete keys."),
    Route("key_block", "POST", ("/key/block",), _ADMINS_ONLY, summary="Block a key until it is unblocked."),
    Route("key_unblock", "POST", ("/key/unblock",), _ADMINS_ONLY, summary="Let a blocked key work again."),
    Route("key_list", "GET", ("/key/list",), managed(everywhere=_VIEWERS), summary="List keys, in pages."),
    Route("model_new", "POST", ("/model/new",), _ADMINS_ONLY, summary="Add a deployment to a model group."),
    Route(
        "model_info",
        "GET",
        ("/model/info", "/v1/model/info"),
        _SHOWN_TO_HOLDERS,
        summary="Tell about deployments; credentials are masked.",
    ),
    Route("model_delete", "POST", ("/model/delete",), _ADMINS_ONLY, summary="Remove a deployment."),
    Route("spend_logs", "GET", ("/spend/logs",), _SHOWN_TO_HOLDERS, summary="List ledger entries, newest first."),
)
