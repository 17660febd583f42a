"""The sections about pass-through endpoints."""

from typing import Literal

from pydantic import Field

from shared.settings.checks import EndpointPath, HeaderName, HeaderValue, KeyNeeded, TargetUrl
from shared.settings.models import Timeouts
from shared.settings.section import Section

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class PassThroughEndpoint(Section):
    """A path whose requests go to a target as they came, under LiteLLM's names (docs/passthrough.md)."""

    path: EndpointPath
    """Where callers reach it."""
    target: TargetUrl
    """Where requests go."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Set on every request, in place of the caller's own; here stands the target's key."""
    auth: KeyNeeded = True
    """Always true: callers need a Tollway key."""
    methods: tuple[Method, ...] = ()
    """Empty means all."""
    include_subpath: bool = False
    """True forwards paths below `path` too."""
    cost_per_request: float | None = Field(None, ge=0)
    """Dollars for each request that succeeds; without it the ledger says `unpriced`."""
    default_query_params: dict[str, HeaderValue] = Field(default_factory=dict)
    """Added where the caller's query does not have the name."""
    timeouts: Timeouts = Timeouts()
    """The clocks of its calls."""
