"""The bodies of the audit routes."""

from shared.openapi.shapes import ANY_OBJECT, INTEGER, STRING, Query, Schema, Shape, array, maybe, one_of, record, said

_ENTRY: dict[str, Schema] = {
    "id": STRING,
    "updated_at": said(STRING, "When it was done, in ISO 8601."),
    "changed_by": said(STRING, "The alias, user or masked form of the key that asked."),
    "changed_by_api_key": said(STRING, "Its `token`, or `master key`."),
    "action": one_of("created", "updated", "deleted"),
    "event": said(STRING, "What was done, more exactly, such as `key.blocked`."),
    "table_name": said(STRING, "LiteLLM's name of the kind of object."),
    "kind": STRING,
    "object_id": STRING,
    "before_value": said(maybe(ANY_OBJECT), "The object before, secrets masked."),
    "updated_values": said(maybe(ANY_OBJECT), "The object after."),
    "client": said(STRING, "The address that it was asked from."),
    "request_id": STRING,
}

AUDIT_SHAPES: dict[str, Shape] = {
    "audit_list": Shape(
        query=(
            Query("table_name", "Only this kind of object: `key`, `team`, …, or LiteLLM's name of its table.", STRING),
            Query("object_id", "Only this object.", STRING),
            Query("action", "`created`, `updated`, `deleted`, or an event such as `key.blocked`.", STRING),
            Query("changed_by", "Only what this name did.", STRING),
            Query("changed_by_api_key", "Only what this key did, by its `token`.", STRING),
            Query("request_id", "Only what this request did.", STRING),
            Query("start_date", "From this day or moment on.", STRING),
            Query("end_date", "Up to this day or moment.", STRING),
            Query("page_size", "Entries on a page: 10 unless said otherwise, 100 at most.", INTEGER),
            Query("page", "From 1 to 100; further pages by `cursor`.", INTEGER),
            Query("cursor", "The `next_cursor` of the page before.", STRING),
        ),
        answer=record(
            {
                "audit_logs": array(record(_ENTRY)),
                "page": INTEGER,
                "page_size": INTEGER,
                "next_cursor": said(maybe(STRING), "Null on the last page."),
            }
        ),
    ),
    "audit_one": Shape(answer=record(_ENTRY)),
}
"""By the route's name."""
