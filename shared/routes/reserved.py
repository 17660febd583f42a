"""Which paths are Tollway's own, so that no configured endpoint takes one of them, in any spelling."""

from collections.abc import Iterable

from shared.routes.llm import LLM_ROUTES
from shared.routes.management import MANAGEMENT_ROUTES

VENDOR_PATHS = ("/openai", "/anthropic")

RESERVED = frozenset(
    {
        *("audit", "budget", "config", "credentials", "customer", "docs", "end_user", "global", "guardrails"),
        *("health", "key", "metrics", "model", "openapi.json", "organization", "spend", "sso", "tag", "team"),
        *("ui", "user"),
        *(path.split("/")[1] for route in MANAGEMENT_ROUTES for path in route.paths if not path.startswith("/v1/")),
    }
)
"""First segments that belong to management, today's and LiteLLM's others; no configured path begins with one."""


def conflict_in(paths: Iterable[tuple[str, bool]]) -> str | None:
    """Return what is wrong with the configured paths, or None.

    Each comes with whether everything below it is served too. Paths hold no escapes and no slash at the end;
    letters count as the same in either case.
    """
    seen: set[str] = set()
    for path, subpaths in paths:
        lower = path.lower()
        if _is_ours(lower, subpaths=subpaths):
            return f"the path '{path}' belongs to Tollway itself; choose another one"
        if lower in seen:
            return f"the path '{path}' stands there twice"
        seen.add(lower)
    return None


def _is_ours(path: str, *, subpaths: bool) -> bool:
    known = [name.partition("/{")[0] for route in (*LLM_ROUTES, *MANAGEMENT_ROUTES) for name in route.paths]
    return path.split("/")[1] in RESERVED or any(
        path == name or path.startswith(name + "/") or (subpaths and name.startswith(path + "/"))
        for name in (*VENDOR_PATHS, *known)
    )
