"""The bodies of the `/team` routes."""

from shared.openapi.management_words import DOLLARS, DURATION, LIMITS, LIMITS_SHOWN, WHEN
from shared.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    STRING,
    Query,
    Schema,
    Shape,
    array,
    maybe,
    one_of,
    record,
    said,
)
from shared.openapi.users import PAGED, PAGES, SPENT, TAKEN, USER

_COUNT = maybe(INTEGER)

_CHANGES: dict[str, Schema] = {
    "team_alias": maybe(STRING),
    "organization_id": maybe(STRING),
    "models": said(maybe(array(STRING)), "Model groups that the team may use; empty means all."),
    "model_aliases": said(maybe(ANY_OBJECT), "What callers may say for a model group."),
    "blocked": maybe(BOOLEAN),
    "guardrails": said(maybe(array(STRING)), "Guardrails that run on every request of the team."),
    "allowed_addresses": said(maybe(array(STRING)), "Networks from which its keys work; empty means all."),
    "tags": said(maybe(array(STRING)), "Labels of every request in the ledger."),
    "budget_id": maybe(STRING),
    "metadata": maybe(ANY_OBJECT),
    "team_member_budget": said(DOLLARS, "Dollars that each member may spend within the team."),
    "team_member_budget_duration": DURATION,
    "team_member_rpm_limit": _COUNT,
    "team_member_tpm_limit": _COUNT,
    **LIMITS,
}

_NAMED: dict[str, Schema] = {"user_id": maybe(STRING), "user_email": maybe(STRING)}
_ROLE = one_of("admin", "user")
_MEMBER = record({"role": _ROLE}, _NAMED, more=False)

TEAM: Schema = record(
    {
        "team_id": STRING,
        "team_alias": maybe(STRING),
        "organization_id": maybe(STRING),
        "models": array(STRING),
        "blocked": BOOLEAN,
        "members_with_roles": array(record({"user_id": STRING, "user_email": maybe(STRING), "role": STRING})),
        "metadata": ANY_OBJECT,
    },
    {
        "members": array(STRING),
        "admins": array(STRING),
        "guardrails": array(STRING),
        "tags": array(STRING),
        "budget_id": maybe(STRING),
        "created_at": WHEN,
        "updated_at": WHEN,
        **LIMITS_SHOWN,
        **SPENT,
    },
)

_MEMBERSHIP: dict[str, Schema] = {
    "user_id": STRING,
    "team_id": STRING,
    "budget_id": maybe(STRING),
    "litellm_budget_table": maybe(ANY_OBJECT),
    **SPENT,
}

_IN_TEAM: dict[str, Schema] = {
    "max_budget_in_team": said(DOLLARS, "Dollars that the member may spend within the team."),
    "budget_duration": DURATION,
    "rpm_limit": _COUNT,
    "tpm_limit": _COUNT,
    "allowed_models": said(maybe(array(STRING)), "What the member may use of the team's models; empty means all."),
    "temp_budget_increase": DOLLARS,
    "temp_budget_expiry": maybe(STRING),
}

_ID: dict[str, Schema] = {"team_id": STRING}
_BLOCK = Shape(body=record(_ID, more=False), answer=TEAM, example={"team_id": "…"})
_MODELS = Shape(
    body=record(_ID | {"models": array(STRING)}, more=False), answer=TEAM, example={"team_id": "…", "models": ["demo"]}
)
_BELONGS = (
    Query("user_id", "Only teams of this user.", STRING),
    Query("organization_id", "Only teams of this organization; `default_organization` for those in none.", STRING),
)

TEAM_SHAPES: dict[str, Shape] = {
    "team_new": Shape(
        body=record(
            {},
            {
                "team_id": said(maybe(STRING), "Made by the server where it is missing."),
                **_CHANGES,
                "members_with_roles": said(maybe(array(_MEMBER)), "The first members; unknown ones are made users."),
                "members": maybe(array(STRING)),
                "admins": maybe(array(STRING)),
            },
        ),
        answer=TEAM,
        example={"team_alias": "research", "models": ["demo"], "max_budget": 100, "budget_duration": "1mo"},
    ),
    "team_info": Shape(
        query=(
            Query("team_id", "The team; the one of the caller's key where it is missing.", STRING),
            Query("key_limit", "Keys to show, the newest: 100 unless said otherwise, 1,000 at most.", INTEGER),
        ),
        answer=record(
            {
                "team_id": STRING,
                "team_info": TEAM,
                "keys": array(ANY_OBJECT),
                "team_memberships": array(record(_MEMBERSHIP)),
            }
        ),
    ),
    "team_update": Shape(
        body=record(_ID, _CHANGES),
        answer=record({"team_id": STRING, "data": TEAM}),
        example={"team_id": "…", "max_budget": 200},
    ),
    "team_patch": Shape(body=record({}, {"team_id": STRING, **_CHANGES}), answer=TEAM, example={"max_budget": 200}),
    "team_delete": Shape(
        body=record({"team_ids": array(STRING)}, more=False),
        answer=record({"deleted_teams": array(STRING), **TAKEN}),
        example={"team_ids": ["…"]},
    ),
    "team_block": _BLOCK,
    "team_unblock": _BLOCK,
    "team_list": Shape(query=_BELONGS, answer=array(TEAM)),
    "team_list_v2": Shape(
        query=(
            *PAGES,
            *_BELONGS,
            Query("team_id", "Only this team.", STRING),
            Query("team_alias", "Only teams whose name contains this.", STRING),
            Query("search", "Only teams whose id is this, or whose name contains it.", STRING),
            Query("search_team_id_match", "`prefix` for ids that begin with `search`.", STRING),
            Query("status", "`deleted` for none: the audit keeps deleted teams.", STRING),
        ),
        answer=record({"teams": array(TEAM), **PAGED}),
    ),
    "team_available": Shape(answer=array(TEAM)),
    "team_member_add": Shape(
        body=record(_ID | {"member": {"anyOf": [_MEMBER, array(_MEMBER)]}}, _IN_TEAM),
        answer=record(
            {**TEAM["properties"], "updated_users": array(USER), "updated_team_memberships": array(record(_MEMBERSHIP))}
        )
        | {"required": ["team_id", "updated_users", "updated_team_memberships"]},
        example={"team_id": "…", "member": {"user_email": "ada@example.com", "role": "user"}},
    ),
    "team_member_update": Shape(
        body=record(_ID, {**_NAMED, "role": maybe(_ROLE), **_IN_TEAM}),
        answer=record({"team_id": STRING, "user_id": STRING}, {"user_email": maybe(STRING), "role": _ROLE, **_IN_TEAM}),
        example={"team_id": "…", "user_id": "…", "max_budget_in_team": 5},
    ),
    "team_member_delete": Shape(
        body=record(_ID, _NAMED, more=False),
        answer=TEAM,
        example={"team_id": "…", "user_id": "…"},
    ),
    "team_member_me": Shape(
        answer=record(_MEMBERSHIP, {"role": STRING, "user_email": maybe(STRING), "team_alias": maybe(STRING)})
    ),
    "team_model_add": _MODELS,
    "team_model_delete": _MODELS,
}
"""By the route's name."""
