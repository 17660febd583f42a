"""What nobody but a proxy administrator may say in a body, for the matrix of roles and fields.

Each documented field of a route that others than proxy administrators may call is in one of two places: `greedy`, with
a value that is more than anybody in a tenant has (`tests/support/tenants.py`), or `harmless`. One that is in neither
fails `tests/integration/test_field_matrix.py`. Fields of the route's own sample are the object's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.tenants import Place

Greedy = Mapping[str, Callable[[Place], dict[str, Any]]]
"""By the field: what is said beside the route's sample, made of the ids of another tenant."""

BEYOND = 1_000_000

_LIMITS: Greedy = {
    "max_budget": lambda _: {"max_budget": BEYOND},
    "rpm_limit": lambda _: {"rpm_limit": BEYOND},
    "tpm_limit": lambda _: {"tpm_limit": BEYOND},
    "max_parallel_requests": lambda _: {"max_parallel_requests": BEYOND},
    "model_max_budget": lambda _: {"model_max_budget": {"demo": BEYOND}},
    "model_rpm_limit": lambda _: {"model_rpm_limit": {"demo": BEYOND}},
    "model_tpm_limit": lambda _: {"model_tpm_limit": {"demo": BEYOND}},
    "temp_budget_increase": lambda _: {
        "max_budget": 10,
        "temp_budget_increase": BEYOND,
        "temp_budget_expiry": "1d",
    },
    "models": lambda _: {"models": ["not-the-tenants"]},
    "budget_id": lambda other: {"budget_id": other.budget, "max_budget": None, "rpm_limit": None},
}

_FOR_PROXY_ADMINS: Greedy = {
    name: lambda _, name=name, value=value: {name: value}  # type: ignore[misc]
    for name, value in {
        "budget_duration": "1s",
        "soft_budget": 1,
        "sso_user_id": "somebody-else",
        "user_role": "proxy_admin",
        "temp_budget_expiry": "1d",
    }.items()
}


@dataclass(frozen=True, slots=True)
class FieldSample:
    """The fields of one route."""

    greedy: Greedy
    harmless: frozenset[str]


_KEY = FieldSample(
    greedy={
        **_LIMITS,
        "permissions": lambda _: {"permissions": {"get_spend_routes": True}},
        "user_id": lambda other: {"user_id": other.user},
        "team_id": lambda other: {"team_id": other.team},
        "organization_id": lambda other: {"organization_id": other.organization},
    },
    harmless=frozenset(
        {"aliases", "allowed_addresses", "allowed_routes", "blocked", "budget_duration", "duration", "enforced_params"}
        | {"grace_period", "guardrails", "key", "key_alias", "key_type", "metadata", "new_key", "soft_budget", "tags"}
        | {"temp_budget_expiry", "wait_for_room"}
    ),
)
"""What restricts, names or describes a key is harmless; a budget's period is, since its team's budget holds too."""

_NEW_KEY = FieldSample(
    {field: say for field, say in _KEY.greedy.items() if field != "budget_id"}, _KEY.harmless | {"budget_id"}
)
"""A new key has the limits of the caller's own key, which hold in the place of a budget's."""

_NAMES = frozenset({"key", "keys", "key_aliases"})

_USER = FieldSample(
    greedy={**_LIMITS, **_FOR_PROXY_ADMINS}, harmless=frozenset({"metadata", "user_alias", "user_email", "user_id"})
)
_NEW_USER = FieldSample(
    greedy={
        **_LIMITS,
        **_FOR_PROXY_ADMINS,
        "organizations": lambda other: {"organizations": [other.organization]},
        "teams": lambda other: {"teams": [other.team]},
        "team_id": lambda other: {"team_id": other.team},
        "user_id": lambda other: {"user_id": other.fresh},
    },
    harmless=_USER.harmless - {"user_id"} | {"auto_create_key", "duration", "key_alias"},
)
_TEAM = FieldSample(
    greedy={**_LIMITS, "organization_id": lambda other: {"organization_id": other.organization}},
    harmless=frozenset(
        {"admins", "allowed_addresses", "blocked", "budget_duration", "guardrails", "members", "members_with_roles"}
        | {"metadata", "model_aliases", "soft_budget", "tags", "team_alias", "team_id", "team_member_budget"}
        | {"team_member_budget_duration", "team_member_rpm_limit", "team_member_tpm_limit", "temp_budget_expiry"}
    ),
)
_NEW_TEAM = FieldSample(
    {**_TEAM.greedy, "team_id": lambda other: {"team_id": other.fresh}}, _TEAM.harmless - {"team_id"}
)
"""Aliases are judged by what they stand for when they are used; members have no more than the team at any time."""

_MEMBER = FieldSample(
    greedy={},
    harmless=frozenset(
        {"allowed_models", "budget_duration", "max_budget_in_team", "member", "role", "rpm_limit", "team_id"}
        | {"temp_budget_expiry", "temp_budget_increase", "tpm_limit", "user_email", "user_id"}
    ),
)
"""A member's limits hold within the team's."""

_OBJECT_ONLY = FieldSample(greedy={}, harmless=frozenset())

FIELD_SAMPLES: Mapping[str, FieldSample] = {
    **dict.fromkeys(("key_generate", "key_service_account"), _NEW_KEY),
    **dict.fromkeys(("key_update", "key_regenerate"), _KEY),
    **dict.fromkeys(("key_delete", "key_block", "key_unblock"), FieldSample({}, _NAMES)),
    "spend_calculate": FieldSample({}, frozenset({"completion_response", "messages", "model"})),
    "user_new": _NEW_USER,
    "user_update": _USER,
    "user_delete": _OBJECT_ONLY,
    "team_new": _NEW_TEAM,
    **dict.fromkeys(("team_update", "team_patch"), _TEAM),
    **dict.fromkeys(("team_delete", "team_block", "team_unblock"), _OBJECT_ONLY),
    **dict.fromkeys(("team_member_add", "team_member_update", "team_member_delete"), _MEMBER),
    "team_model_add": FieldSample({"models": lambda _: {"models": ["not-the-tenants"]}}, frozenset()),
    "team_model_delete": _OBJECT_ONLY,
    "organization_info_of_many": _OBJECT_ONLY,
    **dict.fromkeys(
        (
            "organization_member_add",
            "organization_member_update",
            "organization_member_update_post",
            "organization_member_delete",
            "organization_member_delete_post",
        ),
        FieldSample({}, frozenset({"member", "role", "user_email", "user_id"})),
    ),
}
"""By the route's name."""
