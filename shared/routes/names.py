"""Whether what `allowed_routes` names exists, so that a typing error closes no key unnoticed. Pure."""

import difflib
import re
from collections.abc import Collection
from functools import lru_cache

from shared.routes import ROUTES, elsewhere
from shared.routes.access import GROUPS, NATIVE_GROUPS, covers, routes_of
from shared.routes.reserved import VENDOR_PATHS

_GROUPS = frozenset(GROUPS) | NATIVE_GROUPS | elsewhere.GROUPS
_PATHS = tuple(path for route in ROUTES.values() for path in route.paths)


def wrong_name(entries: Collection[str], endpoints: Collection[str]) -> str:
    """Return what is wrong with a list of routes, with the nearest right name; empty where nothing is.

    An entry must lead to something of Tollway's or of LiteLLM's; `endpoints` are the paths of the configured
    pass-through endpoints.
    """
    for entry in entries:
        is_path = entry.startswith(("/", "*"))
        known = _leads_somewhere(entry, endpoints) if is_path else entry in _GROUPS
        if not known:
            near = difflib.get_close_matches(entry, (*_PATHS, *endpoints) if is_path else _GROUPS, 1)
            hint = f"; perhaps '{near[0]}' is meant" if near else ""
            return f"'allowed_routes' holds '{entry[:64]}', which is no route and no group of routes{hint}"
    return ""


def _leads_somewhere(entry: str, endpoints: Collection[str]) -> bool:
    prefixes = (*VENDOR_PATHS, *endpoints)
    return _is_known(entry) or any(covers(entry, prefix) or covers(prefix, entry) for prefix in prefixes)


@lru_cache(2048)
def _is_known(entry: str) -> bool:
    """Tell whether a path leads to a route of Tollway's or of LiteLLM's own; one with an id in it is one, too."""
    return (
        bool(routes_of(entry))
        or any(covers(entry, path) or covers(path, entry) for path in elsewhere.PATHS)
        or any(re.fullmatch(_pattern(path), entry) for path in _PATHS if "{" in path)
    )


def _pattern(path: str) -> str:
    return re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(path))
