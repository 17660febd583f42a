"""The bodies of the `/user` routes."""

from shared.openapi.management_words import DURATION, LIMITS, LIMITS_SHOWN, WHEN
from shared.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    NUMBER,
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

_ROLE = one_of("proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer")

_CHANGES: dict[str, Schema] = {
    "user_email": said(maybe(STRING), "One user each; members can be named by it."),
    "user_alias": maybe(STRING),
    "user_role": maybe(_ROLE),
    "models": said(maybe(array(STRING)), "Model groups that keys outside of teams may use; empty means all."),
    "sso_user_id": said(maybe(STRING), "The subject of the identity provider's tokens."),
    "budget_id": maybe(STRING),
    "metadata": maybe(ANY_OBJECT),
    **LIMITS,
}

_TEAM_TO_JOIN = record(
    {"team_id": STRING}, {"user_role": one_of("admin", "user"), "max_budget_in_team": maybe(NUMBER)}, more=False
)

SPENT: dict[str, Schema] = {
    "spend": said(NUMBER, "Dollars of the budget's current period, or ever where it has none."),
    "total_spend": said(NUMBER, "Dollars ever."),
}

USER: Schema = record(
    {
        "user_id": STRING,
        "user_email": maybe(STRING),
        "user_alias": maybe(STRING),
        "user_role": STRING,
        "models": array(STRING),
        "teams": array(STRING),
        "metadata": ANY_OBJECT,
    },
    {
        "sso_user_id": maybe(STRING),
        "organization_memberships": array(ANY_OBJECT),
        "budget_id": maybe(STRING),
        "created_at": WHEN,
        "updated_at": WHEN,
        **LIMITS_SHOWN,
        **SPENT,
    },
)

PAGES: tuple[Query, ...] = (
    Query("page", "From 1.", INTEGER),
    Query("page_size", "Up to 100.", INTEGER),
    Query("sort_by", "A field; the newest come first without it.", STRING),
    Query("sort_order", "`asc` or `desc`.", STRING),
)
PAGED: dict[str, Schema] = {"total": INTEGER, "page": INTEGER, "page_size": INTEGER, "total_pages": INTEGER}

TAKEN: dict[str, Schema] = {
    "deleted_keys": said(array(STRING), "The keys that went with it, by `token`."),
    "deleted_memberships": said(array(ANY_OBJECT), "Who was in which group."),
}
"""What a deletion took with it."""

_ID = Query("user_id", "The user; the caller's own where it is missing.", STRING)

USER_SHAPES: dict[str, Shape] = {
    "user_new": Shape(
        body=record(
            {},
            {
                "user_id": said(maybe(STRING), "Made by the server where it is missing."),
                **_CHANGES,
                "teams": said(maybe(array({"anyOf": [STRING, _TEAM_TO_JOIN]})), "Teams to be a member of."),
                "organizations": maybe(array(STRING)),
                "auto_create_key": said(BOOLEAN, "False makes no key."),
                "key_alias": maybe(STRING),
                "duration": DURATION,
                "team_id": said(maybe(STRING), "A team to be a member of; the key is the team's."),
            },
        ),
        answer=record({"key": said(STRING, "Shown this once; empty where none was made."), "user_id": STRING}),
        example={"user_email": "ada@example.com", "user_role": "internal_user", "max_budget": 10},
    ),
    "user_info": Shape(
        query=(_ID,),
        answer=record({"user_id": STRING, "user_info": USER, "keys": array(ANY_OBJECT), "teams": array(ANY_OBJECT)}),
    ),
    "user_info_v2": Shape(query=(_ID,), answer=USER),
    "user_update": Shape(
        body=record({}, {"user_id": maybe(STRING), **_CHANGES}),
        answer=record({"user_id": STRING, "data": USER}),
        example={"user_id": "…", "max_budget": None},
    ),
    "user_delete": Shape(
        body=record({"user_ids": array(STRING)}, more=False),
        answer=record({"deleted_users": array(STRING), **TAKEN}),
        example={"user_ids": ["…"]},
    ),
    "user_list": Shape(
        query=(
            *PAGES,
            Query("role", "Only users of this role.", STRING),
            Query("user_ids", "Only these users, with commas in between.", STRING),
            Query("sso_user_ids", "Only users of these subjects, with commas in between.", STRING),
            Query("user_email", "Only users whose address contains this.", STRING),
            Query("search", "Only users whose id or address contains this.", STRING),
            Query("team", "Only members of this team.", STRING),
            Query("organization_ids", "Only members of these organizations, with commas in between.", STRING),
        ),
        answer=record({"users": array(USER), **PAGED}),
    ),
}
"""By the route's name."""
