"""The shape of `tollway.yaml`. Unknown names are refused; secrets are written as `${NAME}`."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from shared.routes.reserved import conflict_in
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
    """One guardrail by its type; `docs/guardrails.md` says what each reads."""

    name: str = Field(min_length=1, max_length=64)
    type: Literal["banned_words", "regex_mask"]
    mode: Literal["pre_call", "post_call", "both"] = "pre_call"
    """Look at requests, at answers, or at both."""
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    replacement: str = "[masked]"
    message: str = ""
    """What the caller of blocked content is told, beside the guardrail's name."""
    stream_window: int = Field(256, ge=1, le=4096)
    """Characters of a stream that wait for patterns whose longest match cannot be told."""

    @field_validator("words")
    @classmethod
    def _check_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        stripped = tuple(word.strip() for word in words)
        for word in stripped:
            if not word or not word.isprintable() or len(word) > 200:
                raise ValueError(f"{word[:40]!r} is not a word or phrase of 1 to 200 printable characters")
        return stripped

    @field_validator("patterns")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        # Only processes that read guardrails from a file need the library.
        import re2

        quiet = re2.Options()
        quiet.log_errors = False
        for pattern in patterns:
            try:
                empty = re2.compile(pattern, quiet).search("") is not None
            except re2.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression that RE2 reads ({error})") from None
            if empty:
                raise ValueError(f"{pattern!r} matches the empty text, so it would match everywhere")
        return patterns

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        needed = {"banned_words": "words", "regex_mask": "patterns"}[self.type]
        if not getattr(self, needed):
            raise ValueError(f"guardrail '{self.name}' of type {self.type} needs '{needed}'")
        return self


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

    @field_validator("guardrails")
    @classmethod
    def _check_guardrail_names(cls, guardrails: tuple[GuardrailSettings, ...]) -> tuple[GuardrailSettings, ...]:
        names = [guardrail.name for guardrail in guardrails]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two guardrails have the name {name!r}")
        return guardrails

    @field_validator("pass_through_endpoints")
    @classmethod
    def _check_paths(cls, endpoints: tuple[PassThroughEndpoint, ...]) -> tuple[PassThroughEndpoint, ...]:
        conflict = conflict_in((endpoint.path, endpoint.include_subpath) for endpoint in endpoints)
        if conflict:
            raise ValueError(conflict)
        return endpoints

    @model_validator(mode="after")
    def _names_are_used_once(self) -> Self:
        for what, names in (
            ("model group", [group.model_name for group in self.models]),
            ("deployment id", [item.id for group in self.models for item in group.deployments if item.id]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"there are two of the {what} '{twice[0]}'; each needs a name of its own")
        return self

    @model_validator(mode="after")
    def _demo_deployments_have_an_address(self) -> Self:
        for group in self.models:
            for deployment in group.deployments:
                if deployment.provider == "demo" and deployment.api_base is None and not self.demo:
                    raise ValueError(
                        f"a deployment of '{group.model_name}' needs an 'api_base', for 'demo: false' starts no "
                        "demo provider"
                    )
        return self
