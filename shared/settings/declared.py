"""Objects that `tollway.yaml` declares, under LiteLLM's field names; the API shows them and changes none of them."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from shared.settings.section import Section
from shared.settings.words import Digest, Id, Name, Period


def _no_truth(value: object) -> object:
    """Refuse YAML's `yes` and `true`, which would count as one dollar."""
    if isinstance(value, bool):
        raise ValueError("use a number of dollars")
    return value


Dollars = Annotated[float, Field(ge=0, le=1e9), BeforeValidator(_no_truth)]
Count = Annotated[int, Field(ge=0)]


class ModelBudget(Section):
    """What may be spent on one model group."""

    max_budget: Dollars
    """Dollars."""
    budget_duration: Period | None = None
    """The budget's period; it never resets where this is missing."""


class DeclaredLimits(Section):
    """What an object may use; a limit that is missing is none."""

    max_budget: Dollars | None = None
    """Dollars."""
    soft_budget: Dollars | None = None
    """Dollars past which an event and a header say so; nothing is refused."""
    budget_duration: Period | None = None
    """The budget's period, such as `30d` or `1mo`; it never resets where this is missing."""
    rpm_limit: Count | None = None
    """Requests per minute."""
    tpm_limit: Count | None = None
    """Tokens per minute."""
    max_parallel_requests: Count | None = None
    """Requests at a time."""
    model_max_budget: dict[str, ModelBudget] = Field(default_factory=dict)
    """Budgets by model group."""
    model_rpm_limit: dict[str, Count] = Field(default_factory=dict)
    """Requests per minute by model group."""
    model_tpm_limit: dict[str, Count] = Field(default_factory=dict)
    """Tokens per minute by model group."""


class DeclaredBudget(DeclaredLimits):
    """A budget: limits by name, which other objects refer to."""

    budget_id: Id
    """Its name."""


class DeclaredObject(DeclaredLimits):
    """What may have limits, and a budget in their place."""

    budget_id: Name = ""
    """A budget whose limits hold where the object has none of its own."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Whatever you like to say about it."""


class DeclaredUser(DeclaredObject):
    """An internal user."""

    user_id: Id
    """Its id."""
    user_email: Name = ""
    """Its address."""
    user_alias: Name = ""
    """A name for people."""
    user_role: Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"] = "internal_user"
    """What its keys may manage."""
    models: tuple[Id, ...] = ()
    """Model groups that its keys may use; empty means all."""


class DeclaredMember(Section):
    """A user in an organization; others may be added over the API."""

    user_id: Id
    """The user's id."""
    role: Literal["org_admin", "internal_user", "internal_user_viewer"] = "internal_user"
    """What the user is within the organization."""


class DeclaredTeamMember(Section):
    """A user in a team, and what the user may use within it; others may be added over the API."""

    user_id: Id
    """The user's id."""
    role: Literal["admin", "user"] = "user"
    """Whether the user manages the team."""
    max_budget_in_team: Dollars | None = None
    """Dollars."""
    budget_duration: Period | None = None
    """The budget's period; it never resets where this is missing."""
    rpm_limit: Count | None = None
    """Requests per minute."""
    tpm_limit: Count | None = None
    """Tokens per minute."""
    allowed_models: tuple[Id, ...] = ()
    """What the user may use of the team's model groups; empty means all of them."""


class DeclaredOrganization(DeclaredObject):
    """An organization."""

    organization_id: Id
    """Its id."""
    organization_alias: Name = ""
    """A name for people."""
    models: tuple[Id, ...] = ()
    """Model groups that its keys may use; empty means all."""
    members: tuple[DeclaredMember, ...] = ()
    """Users in it."""

    @field_validator("members")
    @classmethod
    def _each_once(cls, members: tuple[DeclaredMember, ...]) -> tuple[DeclaredMember, ...]:
        return _once(members)


class DeclaredTeam(DeclaredObject):
    """A team."""

    team_id: Id
    """Its id."""
    team_alias: Name = ""
    """A name for people."""
    organization_id: Name = ""
    """The organization that it is in."""
    models: tuple[Id, ...] = ()
    """Model groups that its keys may use; empty means all."""
    model_aliases: dict[str, str] = Field(default_factory=dict)
    """What its callers may say for a model group."""
    tags: tuple[Id, ...] = ()
    """Labels of its requests in the ledger."""
    guardrails: tuple[Id, ...] = ()
    """Guardrails that run on its requests beside the default ones."""
    blocked: bool = False
    """True while its keys do not work."""
    members: tuple[DeclaredTeamMember, ...] = ()
    """Users in it."""

    @field_validator("members")
    @classmethod
    def _each_once(cls, members: tuple[DeclaredTeamMember, ...]) -> tuple[DeclaredTeamMember, ...]:
        return _once(members)


class DeclaredCustomer(DeclaredObject):
    """A customer: an end user whom requests name."""

    user_id: Id
    """What requests say in `user`."""
    alias: Name = ""
    """A name for people."""
    models: tuple[Id, ...] = ()
    """Model groups that its requests may use; empty means all."""
    blocked: bool = False
    """True while its requests are refused."""


class DeclaredKey(DeclaredObject):
    """A virtual key, by its value or its hash."""

    key_alias: Id
    """Its name, by which it lasts: with another value it goes on with the same spend."""
    key: SecretStr | None = None
    """The key itself, `sk-` and at least 16 characters in all; write it as `${NAME}`."""
    key_hash: Digest | None = None
    """Or its SHA-256 in hexadecimal digits, which is LiteLLM's id of a key."""
    models: tuple[Id, ...] = ()
    """Model groups that it may use; empty means all."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """What its callers may say for a model group."""
    user_id: Name = ""
    """Whose it is."""
    team_id: Name = ""
    """The team that it is in."""
    organization_id: Name = ""
    """The organization that it is in."""
    tags: tuple[Id, ...] = ()
    """Labels of its requests in the ledger."""
    guardrails: tuple[Id, ...] = ()
    """Guardrails that run on its requests beside the default ones."""
    allowed_routes: tuple[Id, ...] = ()
    """Routes that it may call; empty means all that its role may."""
    blocked: bool = False
    """True while it does not work."""

    @model_validator(mode="after")
    def _has_one_value(self) -> Self:
        if (self.key is None) == (self.key_hash is None):
            raise ValueError(f"the key '{self.key_alias}' needs either 'key' or 'key_hash'")
        value = self.key.get_secret_value() if self.key is not None else ""
        if self.key is not None and not (value.startswith("sk-") and len(value) >= 16 and value.isascii()):
            raise ValueError(f"the key '{self.key_alias}' must begin with 'sk-' and have 16 ASCII characters or more")
        return self


Member = TypeVar("Member", DeclaredMember, DeclaredTeamMember)


def _once(members: tuple[Member, ...]) -> tuple[Member, ...]:
    twice = repeated(member.user_id for member in members)
    if twice:
        raise ValueError(f"the user '{twice}' stands there twice")
    return members


def repeated(ids: Iterable[str]) -> str:
    """Return the first id that stands twice, or nothing."""
    seen: set[str] = set()
    return next((id for id in ids if id in seen or seen.add(id)), "")  # type: ignore[func-returns-value]
