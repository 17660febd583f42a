"""The `/key` routes."""

from shared.routes.personas import ADMIN, GROUP_ADMINS, KEY_MAKERS, SHOWN_TO_HOLDERS, USERS, VIEWERS
from shared.routes.policy import Route, managed

_BY_MAKERS = managed(everywhere=ADMIN, own=KEY_MAKERS)
_BY_GROUP_ADMINS = managed(everywhere=ADMIN, own=GROUP_ADMINS)
_LISTED = managed(everywhere=VIEWERS, own=USERS)

KEY_ROUTES: tuple[Route, ...] = (
    Route("key_generate", "POST", ("/key/generate",), _BY_MAKERS, summary="Make a key; it is shown this once."),
    Route(
        "key_service_account",
        "POST",
        ("/key/service-account/generate",),
        _BY_GROUP_ADMINS,
        summary="Make a key that belongs to a team and to no user.",
    ),
    Route(
        "key_regenerate",
        "POST",
        ("/key/{key}/regenerate", "/key/regenerate"),
        _BY_MAKERS,
        summary="Make a key anew: another key, the same record.",
    ),
    Route("key_info", "GET", ("/key/info",), SHOWN_TO_HOLDERS, summary="Tell about a key, with its spend."),
    Route("key_update", "POST", ("/key/update",), _BY_MAKERS, summary="Change a key: null clears, absent keeps."),
    Route("key_delete", "POST", ("/key/delete",), _BY_MAKERS, summary="Delete keys."),
    Route("key_block", "POST", ("/key/block",), _BY_GROUP_ADMINS, summary="Block a key until it is unblocked."),
    Route("key_unblock", "POST", ("/key/unblock",), _BY_GROUP_ADMINS, summary="Let a blocked key work again."),
    Route("key_list", "GET", ("/key/list",), _LISTED, summary="List keys, in pages."),
    Route("key_aliases", "GET", ("/key/aliases",), _LISTED, summary="List the aliases of keys, in pages."),
)
