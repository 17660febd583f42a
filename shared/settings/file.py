"""The shape of `tollway.yaml`. Unknown names are refused; secrets are written as `${NAME}`."""

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, field_validator, model_validator

from shared.routes.names import wrong_name
from shared.routes.reserved import conflict_in
from shared.settings.checks import EndpointPath, HeaderName, HeaderValue, KeyNeeded, TargetUrl
from shared.settings.declared import (
    DeclaredBudget,
    DeclaredCustomer,
    DeclaredKey,
    DeclaredOrganization,
    DeclaredTeam,
    DeclaredUser,
    repeated,
)
from shared.settings.jwt import JwtIssuer, check_issuers
from shared.settings.section import Section as _Section
from shared.settings.words import Duration, Mount


class ServerSettings(_Section):
    """The edge."""

    host: str = "127.0.0.1"
    """Address to listen on; `--host` wins."""
    port: int = Field(4000, ge=0, le=65535)
    """Port to listen on, 0 for a free one; `--port` wins."""
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024)
    """Bytes of the largest request body; a larger one gets 413."""
    max_upload_bytes: int = Field(1024 * 1024 * 1024, ge=1024)
    """Bytes of the largest body on pass-through routes, where bodies are streamed and never held."""
    max_held_bytes: int = Field(512 * 1024 * 1024, ge=1024)
    """Bytes of request bodies above 64 KiB that one edge holds at a time; past it, it sheds."""
    max_in_flight: int = Field(2000, ge=1)
    """Requests that one edge has open at a time; past it, it sheds."""
    request_timeout: float = Field(600.0, gt=0)
    """Seconds from the request's arrival to its one deadline."""
    drain_seconds: float = Field(30.0, ge=0)
    """How long requests in flight may take to end when a process stops; then they end with an error."""
    sse_ping_seconds: float = Field(10.0, gt=0)
    """A stream that is silent for so long after its first byte gets a comment, so that load balancers keep it."""
    key_header: str | None = None
    """One more header in which callers may send their key."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Networks of the proxies in front of the edge; only what they add to `X-Forwarded-For` is believed."""
    metrics_key: SecretStr | None = None
    """What `Authorization: Bearer …` must hold to read `/metrics`; anybody may while it is not set."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the API; none unless listed."""


class Timeouts(_Section):
    """The five clocks of a provider call, in seconds."""

    connect: float = Field(5.0, gt=0)
    """Until the connection stands."""
    first_byte: float = Field(120.0, gt=0)
    """Until the provider's status line."""
    first_token: float = Field(120.0, gt=0)
    """Until the first event of a stream."""
    between_tokens: float = Field(60.0, gt=0)
    """Between two events of a stream."""
    total: float = Field(600.0, gt=0)
    """For the whole answer."""


class Deployment(_Section):
    """One way to reach a model."""

    id: str = ""
    """A name that lasts, for the ledger; made of the model group and a number unless given."""
    provider: Literal["openai", "anthropic", "demo"]
    """Whose API it speaks: `openai` is any OpenAI-compatible server."""
    model: str
    """The model's name at the provider."""
    api_base: TargetUrl | None = None
    """Where the provider is, unless at the vendor's own address; `demo` finds the stack's demo provider by itself."""
    api_key: SecretStr | None = None
    """The key for the provider; write it as `${NAME}`."""
    weight: float = Field(1.0, ge=0)
    """Its share of the requests, beside the other deployments of the group."""
    timeouts: Timeouts = Timeouts()
    """The clocks of its calls."""
    access_groups: tuple[str, ...] = ()
    """Names by which keys and teams may be granted its model group together with others."""
    max_output_tokens: int | None = Field(None, ge=1)
    """Tokens of its longest answer, where that is known; it bounds what a request may cost."""
    rpm: int | None = Field(None, ge=0)
    """Requests a minute that it may get."""
    tpm: int | None = Field(None, ge=0)
    """Tokens a minute that it may get."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time that it may get."""
    input_cost_per_token: float | None = Field(None, ge=0)
    """Dollars. A deployment that states any price is priced by what it states alone."""
    output_cost_per_token: float | None = Field(None, ge=0)
    """Dollars for a token of the answer."""
    output_cost_per_reasoning_token: float | None = Field(None, ge=0)
    """Dollars for a token of reasoning; as for the answer unless given."""
    cache_read_input_token_cost: float | None = Field(None, ge=0)
    """Dollars for a token of input that came from the provider's cache."""
    cache_creation_input_token_cost: float | None = Field(None, ge=0)
    """Dollars for a token of input that was written to the provider's cache for minutes."""
    cache_creation_input_token_cost_above_1hr: float | None = Field(None, ge=0)
    """The same, for an hour."""


class ModelGroup(_Section):
    """The name that callers ask for, and what serves it."""

    model_name: str = Field(min_length=1)
    """The name in requests."""
    deployments: tuple[Deployment, ...] = Field(min_length=1)
    """What serves it; a request that fails on one is tried on another."""
    rpm: int | None = Field(None, ge=0)
    """Requests a minute that all of its deployments together may get."""
    tpm: int | None = Field(None, ge=0)
    """Tokens a minute, of input and output, that all of its deployments together may get."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time that all of its deployments together may get."""


class GuardrailSettings(_Section):
    """One guardrail by its type; `docs/guardrails.md` says what each reads."""

    name: str = Field(min_length=1, max_length=64)
    """What callers of blocked content are told, and what requests ask for it by."""
    type: Literal["banned_words", "regex_mask"]
    """What it does."""
    mode: Literal["pre_call", "post_call", "both"] = "pre_call"
    """Look at requests, at answers, or at both."""
    words: tuple[str, ...] = ()
    """Words and phrases that block, for `banned_words`."""
    patterns: tuple[str, ...] = ()
    """What is masked, for `regex_mask`, in RE2's syntax."""
    replacement: str = "[masked]"
    """What stands in its place."""
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


class UserDefaults(_Section):
    """What new users get where `/user/new` says nothing, under its names."""

    user_role: Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"] = "internal_user"
    """What they are to the whole gateway."""
    models: tuple[str, ...] = ()
    """Model groups that their keys outside of teams may use; empty means all."""
    max_budget: float | None = Field(None, ge=0)
    """Dollars."""
    budget_duration: Duration | None = None
    """The period of that budget."""
    rpm_limit: int | None = Field(None, ge=0)
    """Requests a minute."""
    tpm_limit: int | None = Field(None, ge=0)
    """Tokens a minute."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time."""
    teams: tuple[str, ...] = ()
    """Teams that the users of `/user/new` join who are given none."""


class TeamDefaults(_Section):
    """What new teams get where `/team/new` says nothing, under its names."""

    organization_id: str | None = None
    """The organization that they are in."""
    models: tuple[str, ...] = ()
    """Model groups that they may use; empty means all."""
    max_budget: float | None = Field(None, ge=0)
    """Dollars."""
    budget_duration: Duration | None = None
    """The period of that budget."""
    rpm_limit: int | None = Field(None, ge=0)
    """Requests a minute."""
    tpm_limit: int | None = Field(None, ge=0)
    """Tokens a minute."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time."""
    team_member_budget: float | None = Field(None, ge=0)
    """Dollars that each member may spend within the team."""
    team_member_budget_duration: Duration | None = None
    """The period of that budget."""


class KeyBoundSettings(_Section):
    """The most that any key has, under the names of `/key/generate`; a new key that says nothing has this much."""

    max_budget: float | None = Field(None, ge=0)
    """Dollars."""
    budget_duration: Duration | None = None
    """The period of that budget, where a key gets the budget from here."""
    rpm_limit: int | None = Field(None, ge=0)
    """Requests a minute."""
    tpm_limit: int | None = Field(None, ge=0)
    """Tokens a minute."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time."""
    duration: Duration | None = None
    """How long it works."""


class KeyDefaults(_Section):
    """What new keys get where `/key/generate` says nothing, under its names."""

    models: tuple[str, ...] = ()
    """Model groups that they may use; empty means all."""
    max_budget: float | None = Field(None, ge=0)
    """Dollars."""
    budget_duration: Duration | None = None
    """The period of that budget."""
    rpm_limit: int | None = Field(None, ge=0)
    """Requests a minute."""
    tpm_limit: int | None = Field(None, ge=0)
    """Tokens a minute."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time."""
    duration: Duration | None = None
    """How long they work."""
    bounds: KeyBoundSettings = KeyBoundSettings()
    """What no key may exceed, whoever makes it."""


class Defaults(_Section):
    """What new objects get where their maker says nothing."""

    keys: KeyDefaults = KeyDefaults()
    """Keys."""
    users: UserDefaults = UserDefaults()
    """Users."""
    teams: TeamDefaults = TeamDefaults()
    """Teams."""


class VaultSettings(_Section):
    """A HashiCorp Vault whose key-value store (version 2) holds credentials."""

    address: TargetUrl
    """Where it is."""
    token: SecretStr | None = None
    """The token for it; write it as `${VAULT_TOKEN}`."""
    mount: Mount = "secret"
    """Where the store is mounted."""
    namespace: str = ""
    """The namespace, where Vault has several."""


class CredentialSettings(_Section):
    """Which credentials of providers may be named instead of written: `os.environ/…`, `file/…`, `vault/…`."""

    environment: tuple[str, ...] = ("*_API_KEY",)
    """Variables of the environment that may be named; `*` stands for anything. Tollway's own never may."""
    folder: Path | None = None
    """Files in this folder may be named."""
    vault: VaultSettings | None = None
    """Secrets in this Vault may be named."""
    refresh_seconds: float = Field(300.0, gt=0)
    """So long does a credential that was read elsewhere count before it is read again."""


class AuthSettings(_Section):
    """Keys in the cache, what callers must say, and issuers of tokens."""

    cached_keys: int = Field(100_000, ge=1)
    """Keys that one worker remembers, at 3 KB each with their limits, and as many users, teams and so on; the one
    unused for longest goes first."""
    max_age_seconds: float = Field(300.0, gt=0)
    """So long does a cached key go on working while the store cannot be asked."""
    known_customers_only: bool = False
    """Refuse requests for an end user that was not made by `/customer/new`."""
    jwt: Annotated[tuple[JwtIssuer, ...], AfterValidator(check_issuers)] = ()
    """Issuers whose JWTs callers may send in place of a key."""
    cached_tokens: int = Field(20_000, ge=1)
    """Verified JWTs that one worker remembers; the one unused for longest goes first."""


class LimitSettings(_Section):
    """Rate limits and budgets; `docs/limits.md` says what they mean."""

    window: Literal["sliding", "fixed"] = "sliding"
    """`sliding`: no 60 seconds hold more than the limit. `fixed`: no minute of the clock does."""
    window_seconds: int = Field(60, ge=1, le=3600)
    """Seconds in which `rpm` and `tpm` limits count, as LiteLLM's `LITELLM_RATE_LIMIT_WINDOW_SIZE`."""
    budget_exceeded_status: Literal[400, 422, 429] = 400
    """The status of a request over a budget; LiteLLM has used all three."""
    answer_seconds: float = Field(10.0, gt=0)
    """How long a request waits where its limits cannot be checked; then it gets 503."""
    time_zone: str = "UTC"
    """The IANA time zone by which budgets of days, weeks and months begin and end, such as `Europe/Berlin`."""
    allow_unpriced: bool = False
    """Let callers under a budget use models without a known price, which then count as free."""
    default_customer_budget: str = ""
    """The id of a budget that holds for each end user who has none, stored or not."""
    user_budget_on_team_keys: bool = False
    """Hold users to their own budget on keys of their teams, too; LiteLLM's `apply_user_budget_to_team_keys`."""

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone such as UTC or Europe/Berlin") from None
        return name


class BillingSettings(_Section):
    """How completion events are stored."""

    on_stall: Literal["wait", "spool"] = "wait"
    """When JetStream does not answer: answers wait and then fail, or events go to a synced local spool."""
    stall_seconds: float = Field(5.0, gt=0)
    """How long an answer waits for JetStream."""


class LedgerSettings(_Section):
    """The record of all requests."""

    retention_days: int | None = Field(None, ge=2, le=36_500)
    """Days after which a request's entry is deleted; its sums stay. For ever unless given."""


class PricingSettings(_Section):
    """Prices beside the built-in table."""

    file: Path | None = None
    """Prices of the operator's, JSON or YAML, that win over the table; `docs/pricing.md` has the shape."""


class LoggingSettings(_Section):
    """One way of logging for all services."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    format: Literal["auto", "json", "console"] = "auto"
    """`auto` is readable on a terminal and JSON elsewhere."""
    requests: bool = False
    """Write a line for each request. Without it only those that ended with a status of 500 and above have one."""


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
    """The edge: address, limits, draining."""
    auth: AuthSettings = AuthSettings()
    """Keys in the cache, what callers must say, and issuers of tokens."""
    limits: LimitSettings = LimitSettings()
    """Rate limits and budgets."""
    defaults: Defaults = Defaults()
    """What new objects get where their maker says nothing."""
    credentials: CredentialSettings = CredentialSettings()
    """Credentials of providers that stand elsewhere."""
    billing: BillingSettings = BillingSettings()
    """How completion events are stored."""
    ledger: LedgerSettings = LedgerSettings()
    """How long entries are kept."""
    pricing: PricingSettings = PricingSettings()
    """Prices beside the built-in table."""
    logging: LoggingSettings = LoggingSettings()
    """Logs of all services."""
    nats: NatsSettings = NatsSettings()
    """The message broker."""
    mongodb: MongodbSettings = MongodbSettings()
    """The system of record."""
    demo: bool = True
    """False leaves out the built-in demo model."""
    models: tuple[ModelGroup, ...] = ()
    """Model groups; more can be added over the API, and provider keys in the environment add theirs."""
    budgets: tuple[DeclaredBudget, ...] = ()
    """Budgets that stand in the file; so do the users, organizations, teams, keys and customers below."""
    users: tuple[DeclaredUser, ...] = ()
    """Internal users."""
    organizations: tuple[DeclaredOrganization, ...] = ()
    """Organizations, with members."""
    teams: tuple[DeclaredTeam, ...] = ()
    """Teams, with members."""
    keys: tuple[DeclaredKey, ...] = ()
    """Virtual keys."""
    customers: tuple[DeclaredCustomer, ...] = ()
    """Customers."""
    guardrails: tuple[GuardrailSettings, ...] = ()
    """Checks and rewrites of what goes in and comes out, in this order."""
    pass_through_endpoints: tuple[PassThroughEndpoint, ...] = ()
    """Paths whose requests go to a target as they came."""
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
            ("budget", [budget.budget_id for budget in self.budgets]),
            ("user", [user.user_id for user in self.users]),
            ("organization", [organization.organization_id for organization in self.organizations]),
            ("team", [team.team_id for team in self.teams]),
            ("key", [key.key_alias for key in self.keys]),
            ("customer", [customer.user_id for customer in self.customers]),
        ):
            twice = repeated(names)
            if twice:
                raise ValueError(f"there are two of the {what} '{twice}'; each needs a name of its own")
        return self

    @model_validator(mode="after")
    def _routes_exist(self) -> Self:
        endpoints = [endpoint.path for endpoint in self.pass_through_endpoints]
        for key in self.keys:
            wrong = wrong_name(key.allowed_routes, endpoints)
            if wrong:
                raise ValueError(f"of the key '{key.key_alias}' {wrong}")
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
