"""The `/key` routes."""

from shared.routes.personas import ADMINS_ONLY, SHOWN_TO_HOLDERS, SHOWN_TO_VIEWERS
from shared.routes.policy import Route

KEY_ROUTES: tuple[Route, ...] = (
    Route("key_generate", "POST", ("/key/generate",), ADMINS_ONLY, summary="Make a key; it is shown this once."),
    Route("key_info", "GET", ("/key/info",), SHOWN_TO_HOLDERS, summary="Tell about a key, with its spend."),
    Route("key_delete", "POST", ("/key/delete",), ADMINS_ONLY, summary="Delete keys."),
    Route("key_block", "POST", ("/key/block",), ADMINS_ONLY, summary="Block a key until it is unblocked."),
    Route("key_unblock", "POST", ("/key/unblock",), ADMINS_ONLY, summary="Let a blocked key work again."),
    Route("key_list", "GET", ("/key/list",), SHOWN_TO_VIEWERS, summary="List keys, in pages."),
)
