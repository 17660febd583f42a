"""The pass-through routes: two vendors, and the endpoints of the configuration file."""

from dataclasses import dataclass

from shared.routes.llm import LLM_ROUTES, PASSTHROUGH
from shared.routes.management import MANAGEMENT_ROUTES
from shared.routes.policy import Route
from shared.settings.file import Configuration, PassThroughEndpoint
from shared.settings.problems import ConfigurationError

PREFIX = "passthrough:"
"""What the names of all pass-through routes begin with."""

RESERVED = frozenset(
    {
        *("budget", "config", "credentials", "customer", "docs", "end_user", "global", "guardrails", "health"),
        *("key", "metrics", "model", "openapi.json", "organization", "spend", "tag", "team", "ui", "user"),
        *(path.split("/")[1] for route in MANAGEMENT_ROUTES for path in route.paths if not path.startswith("/v1/")),
    }
)
"""First segments that belong to management, today's and LiteLLM's others; no configured path begins with one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pass-through route: its one path is a prefix where it has subpaths."""

    route: Route
    include_subpath: bool = True
    methods: tuple[str, ...] = ()
    """Empty means all."""

    @property
    def path(self) -> str:
        """The path without a slash at its end."""
        return self.route.paths[0]


VENDORS: tuple[Endpoint, ...] = (
    Endpoint(Route(PREFIX + "openai", "*", ("/openai",), PASSTHROUGH, "openai", "OpenAI's own API.")),
    Endpoint(Route(PREFIX + "anthropic", "*", ("/anthropic",), PASSTHROUGH, "anthropic", "Anthropic's own API.")),
)


def route_name(endpoint: PassThroughEndpoint) -> str:
    """Return the name under which an endpoint of the configuration is authorized, counted and billed."""
    return PREFIX + endpoint.path.strip("/")


def passthrough_endpoints(configuration: Configuration) -> tuple[Endpoint, ...]:
    """Return all pass-through routes.

    Raises `ConfigurationError` when a configured path covers a route of Tollway's own, in any spelling, or
    stands there twice.
    """
    endpoints = list(VENDORS)
    for configured in configuration.pass_through_endpoints:
        path = configured.path.lower()
        _refuse_reserved(path, configured)
        if any(path == other.path.lower() for other in endpoints):
            raise ConfigurationError(f"pass_through_endpoints: the path '{configured.path}' stands there twice.")
        route = Route(route_name(configured), "*", (configured.path,), PASSTHROUGH, summary="A configured endpoint.")
        endpoints.append(Endpoint(route, configured.include_subpath, configured.methods))
    return tuple(endpoints)


def _refuse_reserved(path: str, configured: PassThroughEndpoint) -> None:
    taken = [vendor.path for vendor in VENDORS]
    taken += [known.partition("/{")[0] for route in (*LLM_ROUTES, *MANAGEMENT_ROUTES) for known in route.paths]
    inside = configured.include_subpath
    if path.split("/")[1] in RESERVED or any(_covers(path, known, inside=inside) for known in taken):
        raise ConfigurationError(
            f"pass_through_endpoints: the path '{configured.path}' belongs to Tollway itself; choose another one."
        )


def _covers(path: str, known: str, *, inside: bool) -> bool:
    """Tell whether two paths are one, or one of them is a part of what the other serves."""
    return path == known or path.startswith(known + "/") or (inside and known.startswith(path + "/"))
