"""Where and for what a key works: routes, networks, and how long it waits for its turn."""

import ipaddress
from collections.abc import Mapping

from services.admin.domain.fields import Fields
from shared.routes.access import LLM_GROUP

LONGEST_WAIT = 600.0
"""Seconds that a request may wait for room; no request lives longer."""

KEY_TYPES: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "llm_api": (LLM_GROUP,),
    "management": ("management_routes",),
    "read_only": ("info_routes",),
}
"""LiteLLM's words for common lists of routes."""


def key_type_of(routes: tuple[str, ...]) -> str:
    """Return LiteLLM's word for a list of routes; `default` where it has none."""
    return next((name for name, stands_for in KEY_TYPES.items() if stands_for == routes), "default")


def read_routes(fields: Fields, before: tuple[str, ...]) -> tuple[str, ...]:
    """Return the routes that a key may call: paths, beginnings of paths, groups, or what its type stands for.

    Whether they exist is judged by `KeyChanging.check_names`, which knows the configured ones.
    """
    routes = fields.updated("allowed_routes", fields.texts, before)
    kind = fields.text("key_type") or "default"
    if kind not in KEY_TYPES:
        fields.wrong("key_type", f"must be one of {', '.join(KEY_TYPES)}")
    if kind == "default":
        return routes
    if fields.texts("allowed_routes") not in ((), KEY_TYPES[kind]):
        fields.wrong("key_type", "says one thing and 'allowed_routes' another; leave one of them out")
    return KEY_TYPES[kind]


def read_addresses(fields: Fields, name: str = "allowed_addresses") -> tuple[str, ...]:
    """Return networks as the address library writes them: `10.0.0.0/8`, `192.0.2.1/32`."""
    return tuple(dict.fromkeys(_network(fields, name, index, text) for index, text in enumerate(fields.texts(name))))


def read_wait(fields: Fields) -> float:
    """Return how many seconds a request waits for room instead of being refused."""
    seconds = fields.amount("wait_for_room") or 0.0
    if seconds > LONGEST_WAIT:
        fields.wrong("wait_for_room", f"must not be more than {LONGEST_WAIT:g} seconds")
    return seconds


def _network(fields: Fields, name: str, index: int, text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        fields.wrong(f"{name}[{index}]", "must be an address or a network, such as 192.0.2.1 or 10.0.0.0/8")
