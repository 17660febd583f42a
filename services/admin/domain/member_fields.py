"""The bodies of the member routes of teams and organizations: who, as what, and how much."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from services.admin.domain.durations import checked
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.limit_fields import read_limits
from shared.schemas.limits import Limits
from shared.store.people import MemberRole

MOST_AT_ONCE = 500
"""Members that one request may add; they are one transaction."""

TEAM_ROLES: Mapping[str, MemberRole] = {"admin": "admin", "user": "user"}
ORGANIZATION_ROLES: Mapping[str, MemberRole] = {
    "org_admin": "admin",
    "internal_user": "user",
    "internal_user_viewer": "viewer",
}
"""LiteLLM's names of the roles within an organization."""

MEMBER = FieldPolicy(frozenset({"user_id", "user_email", "role"}), {}, frozenset())

_LIMITS = frozenset({"budget_duration", "rpm_limit", "tpm_limit", "temp_budget_increase", "temp_budget_expiry"})

TEAM_ADD = FieldPolicy(
    known=frozenset({"allowed_models", "max_budget_in_team", "member", "team_id", *_LIMITS}),
    refused={},
    kept=frozenset(),
)
TEAM_UPDATE = FieldPolicy(
    known=frozenset({"allowed_models", "max_budget_in_team", "role", "team_id", "user_email", "user_id", *_LIMITS}),
    refused={},
    kept=frozenset(),
)
TEAM_DELETE = FieldPolicy(frozenset({"team_id", "user_email", "user_id"}), {}, frozenset())
_NOT_COUNTED = {"max_budget_in_organization": None}
"""Nothing is counted for a member of an organization."""

ORGANIZATION_ADD = FieldPolicy(known=frozenset({"member", "organization_id"}), refused=_NOT_COUNTED, kept=frozenset())
ORGANIZATION_UPDATE = FieldPolicy(
    known=frozenset({"organization_id", "role", "user_email", "user_id"}),
    refused=_NOT_COUNTED,
    kept=frozenset(),
)
ORGANIZATION_DELETE = FieldPolicy(frozenset({"organization_id", "user_email", "user_id"}), {}, frozenset())


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by id, by email address, or both."""

    user: str
    email: str
    role: MemberRole = "user"

    @property
    def name(self) -> str:
        """What a message calls this one."""
        return self.user or self.email


def read_named(fields: Fields) -> Person:
    """Return whom an object names, whatever it says of a role. Raises `InvalidRequest` where it names nobody."""
    user, email = fields.text("user_id"), fields.text("user_email")
    if not user and not email:
        fields.wrong("user_id", "is missing; a member is named by 'user_id' or 'user_email'")
    return Person(user, email)


def read_new_member(fields: Fields, roles: Mapping[str, MemberRole]) -> Person:
    """Return whom an object names, with the role within the group; `user` where it has none."""
    person = read_named(fields)
    return Person(person.user, person.email, read_role(fields, roles, "user"))


def read_role(fields: Fields, roles: Mapping[str, MemberRole], before: MemberRole) -> MemberRole:
    """Return the role within a group; `before` where the body has none."""
    if "role" not in fields:
        return before
    role = fields.text("role")
    if role not in roles:
        fields.wrong("role", f"must be one of {', '.join(roles)}")
    return roles[role]


def read_people(fields: Fields, name: str, roles: Mapping[str, MemberRole]) -> tuple[Person, ...]:
    """Return whom a field names: one object or a list of them. Raises `InvalidRequest`, also for none and for twins."""
    given = fields[name]
    items = given if isinstance(given, list) else [given]
    if len(items) > MOST_AT_ONCE:
        fields.wrong(name, f"must not name more than {MOST_AT_ONCE} members")
    found = []
    for index, item in enumerate(items):
        place = f"{fields.path(name)}[{index}]" if isinstance(given, list) else fields.path(name)
        if not isinstance(item, dict):
            fields.wrong(name, "must be an object with 'user_id' or 'user_email' and 'role', or a list of them")
        MEMBER.sort_out(item, place)
        found.append(read_new_member(Fields(item, place), roles))
    for one in ("user", "email"):
        names = [getattr(person, one) for person in found if getattr(person, one)]
        if len(set(names)) != len(names):
            fields.wrong(name, "names somebody twice")
    return tuple(found)


def read_member_limits(fields: Fields, before: Limits, now: float, budget: str) -> Limits:
    """Return a member's limits as a body changes them; `budget` is the field with its budget, in dollars."""
    limits = read_limits(fields, before, now)
    return msgspec.structs.replace(limits, max_budget=fields.updated(budget, fields.money, before.max_budget))


def read_limits_of_members(fields: Fields, before: Limits, now: float) -> Limits:
    """Return what each member of a team may use, from the team's `team_member_*` fields."""
    name = "team_member_budget_duration"
    duration = checked(fields.updated(name, fields.text, before.budget_duration), name)
    since = before.budget_since if duration == before.budget_duration else now
    return Limits(
        rpm=fields.updated("team_member_rpm_limit", fields.whole, before.rpm),
        tpm=fields.updated("team_member_tpm_limit", fields.whole, before.tpm),
        max_budget=fields.updated("team_member_budget", fields.money, before.max_budget),
        budget_duration=duration,
        budget_since=since if duration else 0.0,
    )
