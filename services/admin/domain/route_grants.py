"""What a key that may call some routes only can hand on: nothing that its own routes could not do. Pure."""

from shared.errors import Forbidden
from shared.routes import MANAGEMENT_ROUTES, ROUTES
from shared.routes.access import GROUPS, LLM_GROUP, NATIVE_GROUPS, covers, may_call, routes_of
from shared.routes.policy import Persona
from shared.routes.reserved import RESERVED

ADMINISTRATORS: frozenset[str] = frozenset({"proxy_admin", "proxy_admin_viewer", "organization_admin", "team_admin"})
"""Personas who manage more than themselves."""


def allows_all(routes: tuple[str, ...]) -> bool:
    """Tell whether a list of routes restricts nothing."""
    return not routes or any(entry.startswith(("/", "*")) and covers(entry, "/") for entry in routes)


def check_makes(routes: tuple[str, ...], persona: Persona, param: str) -> None:
    """Raise `Forbidden`, which names the field, where a caller's key would make an administrator who may do more.

    `routes` are those of the caller's key; none stand for all. Whoever is made an administrator can have keys for every
    route that such an administrator may call, so the caller's key must be able to call all of these.
    """
    if allows_all(routes) or persona not in ADMINISTRATORS:
        return
    for route in MANAGEMENT_ROUTES:
        if persona in route.policy.everywhere | route.policy.own and not may_call(routes, route.name, ""):
            raise Forbidden(
                f"The API key of the caller may not call '{route.paths[0]}', as such an administrator may.",
                param=param,
            )


def check_identity(routes: tuple[str, ...], param: str) -> None:
    """Raise `Forbidden` where a key for some routes would say who somebody is to an identity provider."""
    if not allows_all(routes):
        raise Forbidden(f"An API key with 'allowed_routes' may not change '{param}' of a user.", param=param)


def may_hand_on(given: tuple[str, ...], own: tuple[str, ...]) -> bool:
    """Tell whether a key may give routes to another one: those of its `own`, and LLM routes where it only manages."""
    return within(given, (*own, LLM_GROUP) if _manages_only(own) else own)


def handed_on(own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the routes of a key of which nothing is said: for models, as far as the giver's key calls them."""
    if _manages_only(own):
        return (LLM_GROUP,)
    return tuple(entry for entry in own if within((entry,), (LLM_GROUP,))) or own


def is_for_llm_alone(routes: tuple[str, ...]) -> bool:
    """Tell whether a list of routes allows no management."""
    return within(routes, (LLM_GROUP,))


def within(routes: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Tell whether all that a list of routes allows is allowed by another one; empty lists allow all."""
    if allows_all(others):
        return True
    return bool(routes) and all(entry in others or _is_within(entry, others) for entry in routes)


def _is_within(entry: str, others: tuple[str, ...]) -> bool:
    """Tell whether an entry allows nothing that others do not, whatever routes there will be.

    So a path with others below it, or a beginning of paths, must lie below one of the others.
    """
    if entry.startswith("/") and any(other.startswith(("/", "*")) and covers(other, entry) for other in others):
        return True
    names = routes_of(entry)
    known = all(may_call(others, name, "") for name in names)
    if entry in GROUPS or entry in NATIVE_GROUPS:
        return known and (entry not in NATIVE_GROUPS or not NATIVE_GROUPS.isdisjoint(others))
    if not names:
        return _is_native(entry) and not NATIVE_GROUPS.isdisjoint(others)
    return known and any(entry in ROUTES[name].paths for name in names)


def _is_native(entry: str) -> bool:
    """Tell whether a path that leads to no route of Tollway's own can only lead to a provider."""
    first = entry.split("/", 2)[1] if entry.startswith("/") else ""
    return bool(first) and not first.endswith("*") and first not in RESERVED


def _manages_only(routes: tuple[str, ...]) -> bool:
    """Tell whether a list of routes allows no call of a model, be it a provider's native one."""
    if allows_all(routes) or any(entry in NATIVE_GROUPS or _may_be_native(entry) for entry in routes):
        return False
    return not any(ROUTES[name].policy.billed for entry in routes for name in routes_of(entry))


def _may_be_native(entry: str) -> bool:
    return _is_native(entry) or (entry.endswith("*") and entry.count("/") < 2)
