"""The shape of `tollway.yaml`. Unknown names are refused; secrets are written as `${NAME}`."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from shared.routes.names import wrong_name
from shared.routes.reserved import conflict_in
from shared.settings.admission import AuthSettings, LimitSettings
from shared.settings.bookkeeping import BillingSettings, LedgerSettings, LoggingSettings, PricingSettings
from shared.settings.credentials import CredentialSettings
from shared.settings.declared import (
    DeclaredBudget,
    DeclaredCustomer,
    DeclaredKey,
    DeclaredOrganization,
    DeclaredTeam,
    DeclaredUser,
    repeated,
)
from shared.settings.defaults import Defaults
from shared.settings.endpoints import PassThroughEndpoint
from shared.settings.guardrails import GuardrailSettings
from shared.settings.models import ModelGroup
from shared.settings.section import Section
from shared.settings.server import ServerSettings
from shared.settings.servers import MongodbSettings, NatsSettings


class Configuration(Section):
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
