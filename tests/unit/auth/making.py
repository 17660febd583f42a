"""Records for the tests of auth's decisions."""

from typing import Any

from services.auth.domain.quotas import Rules
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


def periods(duration: str, anchor: float, now: float) -> tuple[float, float]:
    """Return the period of so many seconds since the anchor, for tests that need no calendar."""
    length = float(duration.removesuffix("s"))
    since = anchor + (now - anchor) // length * length
    return since, since + length


RULES = Rules(periods)


def standing(
    record: KeyRecord | None = None,
    access_groups: dict[str, tuple[str, ...]] | None = None,
    rules: Rules = RULES,
    **around: Any,
) -> Standing:
    """Return the standing of a key among these records."""
    return standing_of(record or key(), Surroundings(**around), lambda name: (access_groups or {}).get(name, ()), rules)
