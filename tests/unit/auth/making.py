"""Records for the tests of auth's decisions."""

from typing import Any

from services.auth.domain.standing import Standing, standing_of
from services.auth.domain.surroundings import Surroundings
from shared.schemas.context import RequestContext
from shared.store.keys import KeyRecord
from shared.store.people import MembershipRecord, OrganizationRecord, TeamRecord, UserRecord, membership_id


def context(route: str, model: str = "demo", **changes: Any) -> RequestContext:
    """Return the context of a request for a model."""
    return RequestContext("r", "l.r", "l", route, "openai", 1, 1, 1, 1, model=model, **changes)


def key(**changes: Any) -> KeyRecord:
    """Return a key of the year 1970."""
    facts: dict[str, Any] = {"hash": "h", "key_name": "sk-...1234", "created_at": 0.0}
    return KeyRecord(**(facts | changes))


def user(**changes: Any) -> UserRecord:
    """Return the user `u`."""
    return UserRecord("u", 0.0, **changes)


def team(**changes: Any) -> TeamRecord:
    """Return the team `t`."""
    return TeamRecord("t", 0.0, **changes)


def organization(**changes: Any) -> OrganizationRecord:
    """Return the organization `o`."""
    return OrganizationRecord("o", 0.0, **changes)


def member(**changes: Any) -> MembershipRecord:
    """Return the place of the user `u` in the team `t`."""
    return MembershipRecord(membership_id("team", "t", "u"), "team", "t", "u", 0.0, **changes)


def standing(
    record: KeyRecord | None = None, groups: dict[str, tuple[str, ...]] | None = None, **around: Any
) -> Standing:
    """Return the standing of a key among these records; `groups` are the access groups of models."""
    return standing_of(record or key(), Surroundings(**around), lambda name: (groups or {}).get(name, ()))
