"""What a key may be given: nothing that its giver does not have, and nothing that makes its giver somebody else.

It is judged when a key is made or changed; auth judges it again when the key is used. Pure.
"""

from dataclasses import dataclass

import msgspec

from services.admin.domain.grants import check_kept, check_limits, check_models, news
from services.admin.domain.rights import Caller
from services.admin.domain.route_grants import handed_on, is_for_llm_alone, may_hand_on, within
from shared.errors import Forbidden
from shared.routes.access import LLM_GROUP
from shared.schemas.limits import Limits
from shared.store.keys import KeyRecord
from shared.store.people import OrganizationRecord, TeamRecord, UserRecord

NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a key, as the store has it; None for what the key does not refer to."""

    team: TeamRecord | None = None
    organization: OrganizationRecord | None = None
    """The key's own, else its team's."""
    user: UserRecord | None = None
    giver: KeyRecord | None = None
    """The key by which the caller came, with the limits of its budget."""
    limits: Limits = NO_LIMITS
    """What holds for the key: its own limits, and those of its budget."""
    team_limits: Limits = NO_LIMITS
    organization_limits: Limits = NO_LIMITS
    user_limits: Limits = NO_LIMITS


def inherited(record: KeyRecord, caller: Caller, giver: KeyRecord | None) -> KeyRecord:
    """Return a new key with what the caller's own key leaves it: its models, limits and end where none are stated.

    A proxy administrator has everything; but what was made by a key that may call some routes only never calls all.
    """
    record = narrowed_as(record, caller)
    if giver is None:
        return record
    if caller.is_admin:
        return record
    return msgspec.structs.replace(
        record,
        models=record.models or giver.models,
        limits=_filled(record.limits, giver.limits),
        expires=giver.expires if record.expires is None else record.expires,
        allowed_addresses=record.allowed_addresses or giver.allowed_addresses,
        guardrails=tuple(dict.fromkeys((*giver.guardrails, *record.guardrails))),
        enforced_params=tuple(dict.fromkeys((*giver.enforced_params, *record.enforced_params))),
    )


def narrowed_as(record: KeyRecord, caller: Caller) -> KeyRecord:
    """Return a new key with the routes that the caller's key leaves it, where none are stated."""
    if record.allowed_routes:
        return record
    return msgspec.structs.replace(record, allowed_routes=handed_on(caller.routes))


def for_llm_alone(record: KeyRecord, caller: Caller) -> KeyRecord:
    """Return a new key such that whoever knows it, and is not its user, cannot manage in that user's name.

    A key acts as its user. One that an administrator of a group makes for somebody else is for LLM routes.
    """
    if caller.is_admin or not record.user_id or caller.is_user(record.user_id) or record.allowed_routes:
        return record
    return msgspec.structs.replace(record, allowed_routes=(LLM_GROUP,))


def check_grant(caller: Caller, before: KeyRecord | None, after: KeyRecord, around: Surroundings) -> None:
    """Raise `Forbidden`, which names the field, where a key would get more than its giver has.

    `before` is None for a new key. Administrators of the gateway have everything, but what their own key may not call.
    """
    check_routes(caller, before, after)
    if after.permissions != (before.permissions if before else {}):
        _check_permissions(caller)
    if caller.is_admin:
        return
    check_acts_for_llm_alone(caller, before, after)
    stays = before is not None and _place(before) == _place(after)
    if not (stays and before is not None and before.models == after.models):
        _check_models(after, around)
    limits = news(around.limits, before.limits) if stays and before is not None else around.limits
    for giver, noun in (
        (around.team_limits, "team"),
        (around.user_limits, "user"),
        (around.organization_limits, "organization"),
        (around.giver.limits if around.giver else NO_LIMITS, "API key of the caller"),
    ):
        check_limits(limits, giver, noun)
    if around.giver is not None and not (before is not None and before.expires == after.expires):
        _check_end(after, around.giver)


def check_narrowed(before: KeyRecord, after: KeyRecord, before_limits: Limits, limits: Limits) -> None:
    """Raise `Forbidden` where a user gives its own key more than it had; who administers its groups may do so.

    `before_limits` and `limits` are those of the key with those of its budget: a limit of its own would take the
    budget's place.
    """
    for field in ("user_id", "team_id", "organization_id", "budget_id"):
        if getattr(after, field) != getattr(before, field):
            raise _not_yours(field)
    if before.models and (not after.models or not set(after.models) <= set(before.models)):
        raise _not_yours("models")
    check_limits(news(limits, before_limits), before_limits, "key")
    check_kept(limits, before_limits, "key")
    if before.expires is not None and (after.expires is None or after.expires > before.expires):
        raise _not_yours("duration")
    if not within(after.allowed_routes, before.allowed_routes):
        raise _not_yours("allowed_routes")
    if before.allowed_addresses and not set() < set(after.allowed_addresses) <= set(before.allowed_addresses):
        raise _not_yours("allowed_addresses")
    for field in ("guardrails", "enforced_params"):
        if not set(getattr(before, field)) <= set(getattr(after, field)):
            raise _not_yours(field)
    if before.blocked and not after.blocked:
        raise _not_yours("blocked")


def check_acts_for_llm_alone(
    caller: Caller, before: KeyRecord | None, after: KeyRecord, *, shown: bool = False
) -> None:
    """Raise `Forbidden` where a caller could get to know a key that manages in somebody else's name.

    `shown` says that the caller is about to be told the key, as it is when the key is made anew.
    """
    if caller.is_admin or not after.user_id or caller.is_user(after.user_id) or is_for_llm_alone(after.allowed_routes):
        return
    if shown or not _calls_as_before(before, after):
        raise Forbidden(
            f"A key of another user must have '{LLM_GROUP}' as its 'allowed_routes'; it acts as that user elsewhere.",
            param="allowed_routes",
        )


def check_routes(caller: Caller, before: KeyRecord | None, after: KeyRecord, *, shown: bool = False) -> None:
    """Raise `Forbidden` where a caller whose key may call some routes only gives others to a key.

    Whose key it is makes no difference: who has no rights today may be made an administrator tomorrow. `shown` says
    that the caller is about to be told the key.
    """
    if not shown and _calls_as_before(before, after):
        return
    if not may_hand_on(after.allowed_routes, caller.routes):
        raise Forbidden("The API key of the caller may not call all of these routes itself.", param="allowed_routes")


def _check_permissions(caller: Caller) -> None:
    """Raise `Forbidden` unless a caller may change the permissions of keys: they show what everybody spent."""
    if not caller.is_admin:
        raise Forbidden("Only proxy administrators may set 'permissions' of a key.", param="permissions")
    if not within(("global_spend_tracking_routes",), caller.routes):
        raise Forbidden("The API key of the caller may not see what everybody spent.", param="permissions")


def _calls_as_before(before: KeyRecord | None, after: KeyRecord) -> bool:
    return before is not None and (before.user_id, before.allowed_routes) == (after.user_id, after.allowed_routes)


def _check_models(after: KeyRecord, around: Surroundings) -> None:
    if around.team is not None:
        check_models(after.models, around.team.models, "team")
    elif around.user is not None:
        check_models(after.models, around.user.models, "user")
    if around.organization is not None:
        check_models(after.models, around.organization.models, "organization")
    if around.giver is not None:
        check_models(after.models, around.giver.models, "API key of the caller")
        if around.giver.models and not after.models:
            raise Forbidden("An empty list of models is more than the caller's API key has.", param="models")


def _check_end(after: KeyRecord, giver: KeyRecord) -> None:
    if giver.expires is not None and (after.expires is None or after.expires > giver.expires):
        raise Forbidden("The API key of the caller ends sooner.", param="duration")


def _place(record: KeyRecord) -> tuple[str, ...]:
    return record.user_id, record.team_id, record.organization_id, record.budget_id


def _filled(own: Limits, giver: Limits) -> Limits:
    """Return limits with the giver's where none is stated; a budget comes with its period."""
    missing = {name: getattr(giver, name) for name in ("rpm", "tpm", "parallel") if getattr(own, name) is None}
    if own.max_budget is None and giver.max_budget is not None:
        names = ("max_budget", "budget_duration", "budget_since")
        missing |= {name: getattr(giver, name) for name in names}
    return msgspec.structs.replace(own, models={**giver.models, **own.models}, **missing)


def _not_yours(field: str) -> Forbidden:
    return Forbidden(f"You may not change '{field}' of your own key in this way.", param=field)
