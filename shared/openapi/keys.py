"""The bodies of the `/key` routes."""

from shared.openapi.management_words import ID, LIMITS, LIMITS_SHOWN, WHEN
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

_NAMES: Schema = {"type": "object", "additionalProperties": STRING}

_WORKS_FOR: dict[str, Schema] = {
    "models": said(maybe(array(STRING)), "Model groups that the key may use; empty means all."),
    "aliases": said(maybe(_NAMES), "What the key's callers may say for a model group."),
    "allowed_routes": said(maybe(array(STRING)), "Paths, or groups such as `llm_api_routes`; empty means all."),
    "allowed_addresses": said(maybe(array(STRING)), "Networks from which the key works; empty means all."),
    "guardrails": said(maybe(array(STRING)), "Guardrails that run beside the default ones."),
    "enforced_params": said(maybe(array(STRING)), "Fields that every request must have."),
    "permissions": said(
        maybe(ANY_OBJECT), "LiteLLM's; `get_spend_routes` shows all spend; what would restrict is refused."
    ),
    "tags": said(maybe(array(STRING)), "Labels of every request in the ledger."),
    "wait_for_room": said(maybe(NUMBER), "Seconds that a request waits for its turn instead of a 429."),
}

_BELONGS_TO: dict[str, Schema] = {
    "user_id": maybe(STRING),
    "team_id": maybe(STRING),
    "organization_id": maybe(STRING),
    "budget_id": said(maybe(STRING), "A budget whose limits hold where the key has none of its own."),
}

_CHANGES: dict[str, Schema] = {
    "key_alias": said(maybe(STRING), "A name for people."),
    "duration": said(maybe(STRING), "How long it works from now on: `30s`, `15m`, `1h`, `30d`, `1mo`; null for ever."),
    "blocked": maybe(BOOLEAN),
    "metadata": maybe(ANY_OBJECT),
    **_BELONGS_TO,
    **_WORKS_FOR,
    **LIMITS,
}

_KEY_TYPE = said(maybe(one_of("default", "llm_api", "management", "read_only")), "A word for `allowed_routes`.")

_NEW_KEY: dict[str, Schema] = {
    **_CHANGES,
    "key": said(maybe(STRING), "A key of your own choice, `sk-` and at least 16 characters in all."),
    "key_type": _KEY_TYPE,
}

_ANEW: dict[str, Schema] = {
    **_CHANGES,
    "key": said(maybe(STRING), "The old key, where the path does not name it."),
    "key_type": _KEY_TYPE,
    "new_key": said(maybe(STRING), "The new key, where it is your own choice."),
    "grace_period": said(maybe(STRING), "How long the old key goes on working; not at all where it is missing."),
}

_KEY: dict[str, Schema] = {
    "token": said(STRING, "The key's id on all other routes; the key cannot be told from it."),
    "key_name": said(STRING, "The key with all but its last four characters hidden."),
    "key_alias": maybe(STRING),
    "blocked": BOOLEAN,
    "expires": WHEN,
    "metadata": ANY_OBJECT,
    "key_type": STRING,
    "service_account": BOOLEAN,
    "declared": said(BOOLEAN, "True where the configuration file says it; it is changed there."),
    "superseded_by": said(maybe(STRING), "The `token` of the key that took its place; it works until it expires."),
    **_BELONGS_TO,
    **{name: schema["anyOf"][0] for name, schema in _WORKS_FOR.items()},
    **LIMITS_SHOWN,
    "created_at": WHEN,
    "created_by": maybe(STRING),
    "updated_at": WHEN,
    "updated_by": maybe(STRING),
}
_SPENT: dict[str, Schema] = {
    "spend": said(NUMBER, "Dollars, in the current period of the key's budget."),
    "total_spend": said(NUMBER, "Dollars, ever."),
}
_WHOLE_KEY = record(_KEY, _SPENT)
_MADE = record({"key": said(STRING, "Shown this once."), "token_id": STRING, **_KEY}, _SPENT)
_PAGE: dict[str, Schema] = {"total_count": INTEGER, "current_page": INTEGER, "total_pages": INTEGER}
_PAGING = (
    Query("page", "From 1.", INTEGER),
    Query("size", "Keys on a page: 100 at most.", INTEGER),
)

_NAMED_KEY = record({"key": ID}, more=False)

KEY_SHAPES: dict[str, Shape] = {
    "key_generate": Shape(
        body=record({}, _NEW_KEY),
        answer=_MADE,
        example={"key_alias": "first", "models": ["demo"]},
    ),
    "key_service_account": Shape(
        body=record({"team_id": STRING}, {name: schema for name, schema in _NEW_KEY.items() if name != "user_id"}),
        answer=_MADE,
        example={"team_id": "my-team", "key_alias": "crawler"},
    ),
    "key_regenerate": Shape(body=record({}, _ANEW), answer=_MADE, example={"grace_period": "1h"}),
    "key_update": Shape(
        body=record({"key": ID}, _CHANGES),
        answer=record({"key": STRING, **_KEY}, _SPENT),
        example={"key": "sk-…", "rpm_limit": 100},
    ),
    "key_info": Shape(
        query=(Query("key", "The key, its SHA-256 or its `token`; the caller's own where it is missing.", STRING),),
        answer=record({"key": STRING, "info": _WHOLE_KEY}),
    ),
    "key_delete": Shape(
        body=record({}, {"keys": array(ID), "key_aliases": array(STRING)}, more=False),
        answer=record({"deleted_keys": array(STRING)}),
        example={"key_aliases": ["first"]},
    ),
    "key_block": Shape(body=_NAMED_KEY, answer=_WHOLE_KEY, example={"key": "sk-…"}),
    "key_unblock": Shape(body=_NAMED_KEY, answer=_WHOLE_KEY, example={"key": "sk-…"}),
    "key_list": Shape(
        query=(
            *_PAGING,
            Query("return_full_object", "Whole keys instead of their tokens.", BOOLEAN),
            Query("key_alias", "Only keys of this name.", STRING),
            Query("key_hash", "Only this key.", STRING),
            Query("user_id", "Only this user's keys.", STRING),
            Query("team_id", "Only this team's keys.", STRING),
            Query("organization_id", "Only this organization's keys.", STRING),
            Query("include_team_keys", "The keys of teams that the caller manages, too.", BOOLEAN),
            Query("search", "Only keys with this in their alias or token, in any case.", STRING),
            Query("substring_matching", "`key_alias` may stand anywhere in the alias, in any case.", BOOLEAN),
            Query(
                "sort_by",
                "`created_at`, `updated_at`, `expires`, `key_alias`, `max_budget`, `team_id`, `token` or `user_id`.",
                STRING,
            ),
            Query("sort_order", "`desc` or `asc`.", STRING),
        ),
        answer=record({"keys": array({"anyOf": [STRING, _WHOLE_KEY]}), **_PAGE}),
    ),
    "key_aliases": Shape(
        query=(
            *_PAGING,
            Query("search", "Only aliases with this in them, in any case.", STRING),
            Query("team_id", "Only this team's keys.", STRING),
        ),
        answer=record({"aliases": array(STRING), "size": INTEGER, **_PAGE}),
    ),
}
"""By the route's name."""
