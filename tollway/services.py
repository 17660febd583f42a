"""The services that make up Tollway, in the order in which they are started anew."""

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from shared.bus.service import Build, Waiting

SERVICES: dict[str, str] = {
    "passthrough": "services.passthrough.app:build",
    "auth": "services.auth.app:build",
    "guardrails": "services.guardrails.app:build",
    "router": "services.router.app:build",
    "admin": "services.admin.app:build",
    "billing": "services.billing.app:build",
    "edge": "services.edge.app:build",
}
"""Name of a service to `module:function` of its composition root; imported when it is needed.

Pass-through comes before auth, which leaves it to ask the limiter for a native request.
"""

WAITING: dict[str, str] = {"edge": "services.edge.waiting:waiting"}
"""Name of a service to `module:function` of what it does while there is no broker yet; others do nothing."""


def composition_root(path: str) -> "Build":
    """Return the `build` function that a registry entry names."""
    module, _, name = path.partition(":")
    return cast("Build", getattr(importlib.import_module(module), name))


def waiting_room(service: str) -> "Waiting | None":
    """Return what a service does while there is no broker yet, if it does anything."""
    path = WAITING.get(service)
    return None if path is None else cast("Waiting", composition_root(path))
