"""The bodies of the `/key` routes."""

from shared.openapi.management_words import ID, WHEN
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
    record,
    said,
)

_NEW_KEY: dict[str, Schema] = {
    "key_alias": said(maybe(STRING), "A name for people."),
    "models": said(array(STRING), "Model groups that the key may use; empty means all."),
    "duration": said(maybe(STRING), "How long it works: `30s`, `15m`, `1h`, `30d`, `1mo`; for ever where missing."),
    "key": said(maybe(STRING), "A key of your own choice, `sk-` and at least 16 characters in all."),
    "blocked": BOOLEAN,
    "user_id": maybe(STRING),
    "team_id": maybe(STRING),
    "organization_id": maybe(STRING),
    "metadata": ANY_OBJECT,
}

_KEY: dict[str, Schema] = {
    "token": said(STRING, "The key's id on all other routes; the key cannot be told from it."),
    "key_name": said(STRING, "The key with all but its last four characters hidden."),
    "key_alias": maybe(STRING),
    "models": array(STRING),
    "blocked": BOOLEAN,
    "expires": WHEN,
    "user_id": maybe(STRING),
    "team_id": maybe(STRING),
    "organization_id": maybe(STRING),
    "metadata": ANY_OBJECT,
    "created_at": WHEN,
    "created_by": maybe(STRING),
    "updated_at": WHEN,
    "updated_by": maybe(STRING),
}
_SPENT: dict[str, Schema] = {"spend": said(NUMBER, "Dollars.")}
_WHOLE_KEY = record(_KEY, _SPENT)

_NAMED_KEY = record({"key": ID}, more=False)

KEY_SHAPES: dict[str, Shape] = {
    "key_generate": Shape(
        body=record({}, _NEW_KEY),
        answer=record({"key": said(STRING, "Shown this once."), **_KEY}, _SPENT),
        example={"key_alias": "first", "models": ["demo"]},
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
            Query("page", "From 1.", INTEGER),
            Query("size", "Keys on a page: 10 unless said otherwise, 100 at most.", INTEGER),
            Query("return_full_object", "Whole keys instead of their tokens.", BOOLEAN),
            Query("key_alias", "Only keys of this name.", STRING),
            Query("key_hash", "Only this key.", STRING),
            Query("user_id", "Only this user's keys.", STRING),
            Query("team_id", "Only this team's keys.", STRING),
            Query("organization_id", "Only this organization's keys.", STRING),
        ),
        answer=record(
            {
                "keys": array({"anyOf": [STRING, _WHOLE_KEY]}),
                "total_count": INTEGER,
                "current_page": INTEGER,
                "total_pages": INTEGER,
            }
        ),
    ),
}
"""By the route's name."""
