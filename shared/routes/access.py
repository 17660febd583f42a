"""Which routes a key may call: `allowed_routes` as LiteLLM means them, judged by the matched route. Pure."""

from collections.abc import Callable
from functools import lru_cache

from shared.routes import ROUTES, Route
from shared.routes.llm import PREFIX

LLM_GROUP = "llm_api_routes"

INFO_PATHS = frozenset(
    {
        *("/key/info", "/key/list", "/v2/key/info", "/team/info", "/team/list", "/v2/team/list", "/team/available"),
        *("/organization/list", "/user/info", "/v2/user/info", "/model/info", "/v1/model/info", "/v2/model/info"),
        *("/model_group/info", "/health", "/models", "/v1/models"),
    }
)
"""LiteLLM's `info_routes`, as far as they exist here."""

_MANAGED = frozenset({"key", "user", "team", "model"})
"""First segments of LiteLLM's `management_routes`."""


def _is_llm(route: Route) -> bool:
    return route.policy.next != "admin"


def _is_model_info(route: Route) -> bool:
    return not INFO_PATHS.isdisjoint(route.paths) and any(path.startswith("/model") for path in route.paths)


def _begins(*segments: str) -> Callable[[Route], bool]:
    return lambda route: not _is_llm(route) and route.paths[0].split("/")[1] in segments


def _is_management(route: Route) -> bool:
    segments = route.paths[0].removeprefix("/v2").split("/")
    return not _is_llm(route) and (segments[1] in _MANAGED or route.name.startswith("spend_logs"))


GROUPS: dict[str, Callable[[Route], bool]] = {
    LLM_GROUP: lambda route: _is_llm(route) or _is_model_info(route),
    "openai_routes": lambda route: _is_llm(route) and route.dialect == "openai",
    "anthropic_routes": lambda route: _is_llm(route) and route.dialect == "anthropic",
    "management_routes": _is_management,
    "key_management_routes": _begins("key"),
    "info_routes": lambda route: not INFO_PATHS.isdisjoint(route.paths),
    "model_info_routes": _is_model_info,
    "spend_tracking_routes": _begins("spend"),
    "global_spend_tracking_routes": _begins("global"),
}
"""Names that stand for several routes, each with what belongs to it."""

NATIVE_GROUPS = frozenset({LLM_GROUP, "mapped_pass_through_routes", "passthrough_routes_wildcard"})
"""Groups to which provider-native routes belong."""


def may_call(allowed: tuple[str, ...], route: str, path: str) -> bool:
    """Tell whether a list of routes allows the matched one; an empty list allows all.

    An entry is a group, a path with everything below it, or the beginning of a path with `*` at its end. It means
    the route, under each of its paths. `path` counts only on provider-native routes, which go on to any path.
    """
    if not allowed:
        return True
    if route.startswith(PREFIX):
        return any(entry in NATIVE_GROUPS or _covers_native(entry, route, path) for entry in allowed)
    return any(route in routes_of(entry) for entry in allowed)


@lru_cache(2048)
def routes_of(entry: str) -> frozenset[str]:
    """Return the names of Tollway's own routes that an entry allows, provider-native ones aside."""
    return frozenset(name for name, route in ROUTES.items() if _belongs(route, entry))


def _belongs(route: Route, entry: str) -> bool:
    if entry in GROUPS:
        return GROUPS[entry](route)
    return any(covers(entry, path) for path in route.paths)


def covers(entry: str, path: str) -> bool:
    """Tell whether an entry that is a path, or the beginning of one, allows a path."""
    if entry.endswith("*"):
        return path.startswith(entry[:-1])
    return path == entry or (path.startswith(entry.rstrip("/") + "/") and entry != "")


def _covers_native(entry: str, route: str, path: str) -> bool:
    """Tell whether an entry covers a path that a provider will read; one that could be read in two ways is covered
    only where the whole route is.
    """
    prefix = "/" + route.removeprefix(PREFIX)
    plain = "%" not in path and "\\" not in path and not any(part in ("", ".", "..") for part in path.split("/")[1:-1])
    return covers(entry, prefix) or (plain and covers(entry, path))
