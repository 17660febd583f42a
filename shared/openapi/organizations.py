"""The bodies of the `/organization` routes."""

from shared.openapi.management_words import LIMITS, WHEN
from shared.openapi.shapes import ANY_OBJECT, STRING, Query, Schema, Shape, array, maybe, one_of, record, said
from shared.openapi.users import SPENT, USER

_CHANGES: dict[str, Schema] = {
    "models": said(maybe(array(STRING)), "Model groups that its teams may use; empty means all."),
    "budget_id": maybe(STRING),
    "metadata": maybe(ANY_OBJECT),
    **LIMITS,
}

_MEMBERSHIP = record(
    {"user_id": STRING, "organization_id": STRING, "user_role": STRING, "created_at": WHEN, "updated_at": WHEN},
    {"user_email": maybe(STRING), "budget_id": maybe(STRING), "litellm_budget_table": maybe(ANY_OBJECT)},
)

_ORGANIZATION: dict[str, Schema] = {
    "organization_id": STRING,
    "organization_alias": maybe(STRING),
    "budget_id": STRING,
    "models": array(STRING),
    "metadata": ANY_OBJECT,
    "litellm_budget_table": said(ANY_OBJECT, "Its limits and budget."),
    "members": array(_MEMBERSHIP),
    "teams": array(ANY_OBJECT),
    "created_at": WHEN,
    "updated_at": WHEN,
    "created_by": STRING,
    "updated_by": STRING,
}
_WHOLE = record(_ORGANIZATION, SPENT)

_ID: dict[str, Schema] = {"organization_id": STRING}
_NAMED: dict[str, Schema] = {"user_id": maybe(STRING), "user_email": maybe(STRING)}
_ROLE = one_of("org_admin", "internal_user", "internal_user_viewer")
_MEMBER = record({"role": _ROLE}, _NAMED, more=False)
_ALIAS: dict[str, Schema] = {"organization_alias": STRING}

_UPDATE = Shape(
    body=record(_ID, {**_ALIAS, **_CHANGES}), answer=_WHOLE, example={"organization_id": "…", "max_budget": 1000}
)
_DELETE = Shape(
    body=record({"organization_ids": array(STRING)}, more=False),
    answer=array(record(_ORGANIZATION, {"deleted_teams": array(STRING), "deleted_keys": array(STRING)})),
    example={"organization_ids": ["…"]},
)
_MEMBER_UPDATE = Shape(
    body=record(_ID, {**_NAMED, "role": maybe(_ROLE)}, more=False),
    answer=_MEMBERSHIP,
    example={"organization_id": "…", "user_id": "…", "role": "org_admin"},
)
_MEMBER_DELETE = Shape(
    body=record(_ID, _NAMED, more=False), answer=_MEMBERSHIP, example={"organization_id": "…", "user_id": "…"}
)

ORGANIZATION_SHAPES: dict[str, Shape] = {
    "organization_new": Shape(
        body=record(_ALIAS, {"organization_id": maybe(STRING), **_CHANGES}),
        answer=_WHOLE,
        example={"organization_alias": "acme", "max_budget": 1000},
    ),
    "organization_info": Shape(query=(Query("organization_id", "The organization.", STRING),), answer=_WHOLE),
    "organization_info_of_many": Shape(
        body=record({"organizations": array(STRING)}, more=False),
        answer=array(_WHOLE),
        example={"organizations": ["…"]},
    ),
    "organization_list": Shape(
        query=(
            Query("org_id", "Only this organization.", STRING),
            Query("org_alias", "Only organizations whose name contains this.", STRING),
        ),
        answer=array(_WHOLE),
    ),
    "organization_update": _UPDATE,
    "organization_update_post": _UPDATE,
    "organization_patch": Shape(body=record({}, {**_ID, **_ALIAS, **_CHANGES}), answer=_WHOLE, example={"models": []}),
    "organization_delete": _DELETE,
    "organization_delete_post": _DELETE,
    "organization_member_add": Shape(
        body=record(_ID | {"member": {"anyOf": [_MEMBER, array(_MEMBER)]}}),
        answer=record(
            {
                "organization_id": STRING,
                "updated_users": array(USER),
                "updated_organization_memberships": array(_MEMBERSHIP),
            }
        ),
        example={"organization_id": "…", "member": {"user_email": "ada@example.com", "role": "org_admin"}},
    ),
    "organization_member_update": _MEMBER_UPDATE,
    "organization_member_update_post": _MEMBER_UPDATE,
    "organization_member_delete": _MEMBER_DELETE,
    "organization_member_delete_post": _MEMBER_DELETE,
}
"""By the route's name."""
