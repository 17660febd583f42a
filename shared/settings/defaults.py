"""The sections about what new objects get where their maker says nothing."""

from typing import Literal

from pydantic import Field

from shared.settings.section import Section
from shared.settings.words import Duration, Period


class _Limits(Section):
    """What a new object may use."""

    max_budget: float | None = Field(None, ge=0)
    """Dollars."""
    budget_duration: Period | None = None
    """The period of that budget."""
    rpm_limit: int | None = Field(None, ge=0)
    """Requests a minute."""
    tpm_limit: int | None = Field(None, ge=0)
    """Tokens a minute."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time."""


class UserDefaults(_Limits):
    """What new users get where `/user/new` says nothing, under its names."""

    user_role: Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"] = "internal_user"
    """What they are to the whole gateway."""
    models: tuple[str, ...] = ()
    """Model groups that their keys outside of teams may use; empty means all."""
    teams: tuple[str, ...] = ()
    """Teams that the users of `/user/new` join who are given none."""


class TeamDefaults(_Limits):
    """What new teams get where `/team/new` says nothing, under its names."""

    organization_id: str | None = None
    """The organization that they are in."""
    models: tuple[str, ...] = ()
    """Model groups that they may use; empty means all."""
    team_member_budget: float | None = Field(None, ge=0)
    """Dollars that each member may spend within the team."""
    team_member_budget_duration: Period | None = None
    """The period of that budget."""


class KeyBoundSettings(_Limits):
    """The most that any key has, under the names of `/key/generate`; a new key that says nothing has this much."""

    duration: Duration | None = None
    """How long it works."""


class KeyDefaults(_Limits):
    """What new keys get where `/key/generate` says nothing, under its names."""

    models: tuple[str, ...] = ()
    """Model groups that they may use; empty means all."""
    duration: Duration | None = None
    """How long they work."""
    bounds: KeyBoundSettings = KeyBoundSettings()
    """What no key may exceed, whoever makes it."""


class Defaults(Section):
    """What new objects get where their maker says nothing."""

    keys: KeyDefaults = KeyDefaults()
    """Keys."""
    users: UserDefaults = UserDefaults()
    """Users."""
    teams: TeamDefaults = TeamDefaults()
    """Teams."""
