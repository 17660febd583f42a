"""The shape of `tollway.yaml`. Unknown names are refused; secrets are written as `${NAME}`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.settings.checks import EndpointPath, HeaderName, HeaderValue, KeyNeeded, TargetUrl


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ServerSettings(_Section):
    """The edge."""

    host: str = "127.0.0.1"
    port: int = Field(4000, ge=0, le=65535)
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024)
    max_upload_bytes: int = Field(1024 * 1024 * 1024, ge=1024)
    """Bytes of the largest body on pass-through routes, where bodies are streamed and never held."""
    max_in_flight: int = Field(2000, ge=1)
    request_timeout: float = Field(600.0, gt=0)
    """Seconds from the request's arrival to its one deadline."""
    drain_seconds: float = Field(30.0, ge=0)
    sse_ping_seconds: float = Field(10.0, gt=0)
    key_header: str | None = None
    metrics_key: SecretStr | None = None
    """What `Authorization: Bearer …` must hold to read `/metrics`; anybody may while it is not set."""
    cors_origins: tuple[str, ...] = ()


class Timeouts(_Section):
    """The five clocks of a provider call, in seconds."""

    connect: float = Field(5.0, gt=0)
    first_byte: float = Field(120.0, gt=0)
    first_token: float = Field(120.0, gt=0)
    between_tokens: float = Field(60.0, gt=0)
    total: float = Field(600.0, gt=0)


class Deployment(_Section):
    """One way to reach a model."""

    id: str = ""
    provider: Literal["openai", "anthropic", "demo"]
    model: str
    api_base: str | None = None
    api_key: SecretStr | None = None
    weight: float = Field(1.0, ge=0)
    timeouts: Timeouts = Timeouts()
    input_cost_per_token: float | None = Field(None, ge=0)
    """Dollars. A deployment that states any price is priced by what it states alone."""
    output_cost_per_token: float | None = Field(None, ge=0)
    output_cost_per_reasoning_token: float | None = Field(None, ge=0)
    cache_read_input_token_cost: float | None = Field(None, ge=0)
    cache_creation_input_token_cost: float | None = Field(None, ge=0)
    cache_creation_input_token_cost_above_1hr: float | None = Field(None, ge=0)


class ModelGroup(_Section):
    """The name that callers ask for, and what serves it."""

    model_name: str = Field(min_length=1)
    deployments: tuple[Deployment, ...] = Field(min_length=1)


class GuardrailSettings(_Section):
    """One guardrail by its type; `services/guardrails/checks` says what each reads."""

    name: str = Field(min_length=1)
    type: Literal["banned_words", "regex_mask"]
    mode: Literal["pre_call", "post_call", "both"] = "pre_call"
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    replacement: str = "[masked]"
    message: str = ""


Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class PassThroughEndpoint(_Section):
    """A path whose requests go to a target as they came, under LiteLLM's names (docs/passthrough.md)."""

    path: EndpointPath
    target: TargetUrl
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Set on every request, in place of the caller's own; here stands the target's key."""
    auth: KeyNeeded = True
    methods: tuple[Method, ...] = ()
    """Empty means all."""
    include_subpath: bool = False
    cost_per_request: float | None = Field(None, ge=0)
    """Dollars for each request that succeeds; without it the ledger says `unpriced`."""
    default_query_params: dict[str, HeaderValue] = Field(default_factory=dict)
    """Added where the caller's query does not have the name."""
    timeouts: Timeouts = Timeouts()


class AuthSettings(_Section):
    """Keys in the cache."""

    cached_keys: int = Field(100_000, ge=1)
    max_age_seconds: float = Field(300.0, gt=0)
    """So long does a cached key go on working while the store cannot be asked."""


class BillingSettings(_Section):
    """How completion events are stored."""

    on_stall: Literal["wait", "spool"] = "wait"
    stall_seconds: float = Field(5.0, gt=0)


class PricingSettings(_Section):
    """Prices beside the built-in table."""

    file: Path | None = None
    """Prices of the operator's, JSON or YAML, that win over the table; `docs/pricing.md` has the shape."""


class LoggingSettings(_Section):
    """One way of logging for all services."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class NatsSettings(_Section):
    """The message broker."""

    stream_replicas: int = Field(1, ge=1, le=5)
    """Copies of each stream; more than one needs a cluster."""


class MongodbSettings(_Section):
    """The system of record."""

    write_concern: int | Literal["majority"] = "majority"
    """How many members of the replica set have a write before it counts; an address with `w=` wins."""


class Configuration(_Section):
    """Everything that `tollway.yaml` can say."""

    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    billing: BillingSettings = BillingSettings()
    pricing: PricingSettings = PricingSettings()
    logging: LoggingSettings = LoggingSettings()
    nats: NatsSettings = NatsSettings()
    mongodb: MongodbSettings = MongodbSettings()
    demo: bool = True
    """False leaves out the built-in demo model."""
    models: tuple[ModelGroup, ...] = ()
    guardrails: tuple[GuardrailSettings, ...] = ()
    pass_through_endpoints: tuple[PassThroughEndpoint, ...] = ()
    max_in_hand: int = Field(1000, ge=1)
    """Requests that one worker of a stage handles at a time; past it, it sheds."""
