"""The pass-through routes: two vendors, and the endpoints of the configuration file."""

from dataclasses import dataclass

from shared.routes.llm import PASSTHROUGH, PREFIX
from shared.routes.policy import Route
from shared.settings.endpoints import PassThroughEndpoint
from shared.settings.file import Configuration


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
    """Return all pass-through routes; that none covers a route of Tollway's own, the configuration has checked."""
    return (
        *VENDORS,
        *(
            Endpoint(
                Route(route_name(configured), "*", (configured.path,), PASSTHROUGH, summary="A configured endpoint."),
                configured.include_subpath,
                configured.methods,
            )
            for configured in configuration.pass_through_endpoints
        ),
    )
