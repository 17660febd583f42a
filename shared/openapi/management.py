"""The bodies of the management API, under LiteLLM's field names."""

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

_KEY = said(STRING, "The key itself (`sk-…`) or its hash.")

_KEY_FIELDS: dict[str, Schema] = {
    "key_alias": maybe(STRING),
    "models": said(array(STRING), "Model groups that the key may use; empty means all."),
    "user_id": maybe(STRING),
    "team_id": maybe(STRING),
    "organization_id": maybe(STRING),
    "metadata": ANY_OBJECT,
    "blocked": maybe(BOOLEAN),
}

_KEY_RECORD = record(
    {"key_name": STRING},
    {
        **_KEY_FIELDS,
        "token": said(STRING, "The key's hash, its id on all other routes."),
        "spend": said(NUMBER, "Dollars."),
        "expires": maybe(STRING),
        "created_at": STRING,
        "created_by": maybe(STRING),
    },
)

_DEPLOYMENT = record(
    {
        "model_name": said(STRING, "The model group that the deployment joins."),
        "litellm_params": record(
            {"model": said(STRING, "`provider/model`, for example `openai/gpt-4o-mini`.")},
            {
                "api_base": maybe(STRING),
                "api_key": said(maybe(STRING), "Sealed at rest, and never returned."),
                "weight": NUMBER,
                "input_cost_per_token": said(NUMBER, "Dollars; overrides the price table."),
                "output_cost_per_token": said(NUMBER, "Dollars; overrides the price table."),
            },
        ),
    },
    {"model_info": record({}, {"id": said(STRING, "Made by the server where it is missing.")})},
)

_LEDGER_ENTRY = record(
    {
        "request_id": STRING,
        "api_key": said(STRING, "The key's hash."),
        "spend": said(NUMBER, "Dollars."),
        "model": STRING,
        "prompt_tokens": INTEGER,
        "completion_tokens": INTEGER,
        "total_tokens": INTEGER,
        "startTime": STRING,
        "endTime": STRING,
    },
    {"user": STRING, "request_tags": array(STRING), "metadata": ANY_OBJECT},
)

_ONE_KEY = record({"key": _KEY})

MANAGEMENT_SHAPES: dict[str, Shape] = {
    "key_generate": Shape(
        body=record(
            {},
            {**_KEY_FIELDS, "duration": said(maybe(STRING), "How long it works: `30s`, `30m`, `30h`, `30d`.")},
        ),
        answer=record({"key": said(STRING, "Shown this once.")}, {**_KEY_FIELDS, "token": STRING}),
        example={"key_alias": "first", "models": ["demo"]},
    ),
    "key_info": Shape(
        query=(Query("key", "The key or its hash; the caller's own where it is missing.", STRING),),
        answer=record({"key": STRING, "info": _KEY_RECORD}),
    ),
    "key_delete": Shape(
        body=record({}, {"keys": array(_KEY), "key_aliases": array(STRING)}),
        answer=record({"deleted_keys": array(STRING)}),
        example={"key_aliases": ["first"]},
    ),
    "key_block": Shape(body=_ONE_KEY, answer=_KEY_RECORD, example={"key": "sk-…"}),
    "key_unblock": Shape(body=_ONE_KEY, answer=_KEY_RECORD, example={"key": "sk-…"}),
    "key_list": Shape(
        query=(
            Query("page", "From 1.", INTEGER),
            Query("size", "Keys on a page.", INTEGER),
            Query("return_full_object", "Whole keys instead of hashes.", BOOLEAN),
        ),
        answer=record(
            {"keys": array({"anyOf": [STRING, _KEY_RECORD]})},
            {"total_count": maybe(INTEGER), "current_page": INTEGER, "total_pages": maybe(INTEGER)},
        ),
    ),
    "model_new": Shape(
        body=_DEPLOYMENT,
        answer=_DEPLOYMENT,
        example={
            "model_name": "fast",
            "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "sk-…"},
        },
    ),
    "model_info": Shape(
        query=(Query("litellm_model_id", "Only this deployment.", STRING),),
        answer=record({"data": array(_DEPLOYMENT)}),
    ),
    "model_delete": Shape(
        body=record({"id": said(STRING, "The deployment's id.")}),
        answer=record({"message": STRING}),
        example={"id": "…"},
    ),
    "spend_logs": Shape(
        query=(
            Query("api_key", "Only this key's entries, by the key or its hash.", STRING),
            Query("request_id", "Only this request's entry.", STRING),
            Query("start_date", "From this day on (`YYYY-MM-DD`, or with a time).", STRING),
            Query("end_date", "Up to this day.", STRING),
        ),
        answer=array(_LEDGER_ENTRY),
    ),
}
"""By the route's name."""
