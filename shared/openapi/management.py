"""The bodies of the management API, under LiteLLM's field names: what Tollway reads and gives of them.

Fields of LiteLLM's that Tollway does not have are refused where leaving them out would permit more than was asked
for, and kept and shown again where they mean nothing here.
"""

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

_ID = said(STRING, "The key itself (`sk-…`), its SHA-256, or its `token`.")
_WHEN = said(maybe(STRING), "A time in ISO 8601.")

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
    "expires": _WHEN,
    "user_id": maybe(STRING),
    "team_id": maybe(STRING),
    "organization_id": maybe(STRING),
    "metadata": ANY_OBJECT,
    "created_at": _WHEN,
    "created_by": maybe(STRING),
    "updated_at": _WHEN,
    "updated_by": maybe(STRING),
}
_SPENT: dict[str, Schema] = {"spend": said(NUMBER, "Dollars.")}
_WHOLE_KEY = record(_KEY, _SPENT)

_PRICE = said(NUMBER, "Dollars. A deployment that states any price is priced by what it states alone.")

_PARAMS: dict[str, Schema] = {
    "api_base": maybe(STRING),
    "api_key": said(maybe(STRING), "Sealed at rest, and never returned."),
    "custom_llm_provider": said(maybe(STRING), "The provider, where `model` does not name it."),
    "weight": said(NUMBER, "Its share of the group's requests, beside the others' weights."),
    "timeout": said(NUMBER, "Seconds for a whole call."),
    "stream_timeout": said(NUMBER, "Seconds to a stream's first token."),
    "input_cost_per_token": _PRICE,
    "output_cost_per_token": _PRICE,
    "cache_read_input_token_cost": _PRICE,
}

_NEW_MODEL = record(
    {
        "model_name": said(STRING, "The model group that the deployment joins."),
        "litellm_params": record(
            {"model": said(STRING, "`provider/model`; the providers are `openai`, `anthropic` and `demo`.")}, _PARAMS
        ),
    },
    {"model_info": record({}, {"id": said(STRING, "Made by the server where it is missing.")})},
)

_MODEL: dict[str, Schema] = {
    "model_name": STRING,
    "litellm_params": said(ANY_OBJECT, "Without credentials; without addresses for who is no administrator."),
    "model_info": record({"id": STRING, "db_model": said(BOOLEAN, "False for the configuration file's.")}),
}

_LEDGER_ENTRY = record(
    {
        "request_id": said(STRING, "As `x-tollway-request-id` told it."),
        "api_key": said(STRING, "The key's `token`; empty for the master key."),
        "spend": said(NUMBER, "Dollars over all attempts."),
        "prompt_tokens": INTEGER,
        "completion_tokens": INTEGER,
        "total_tokens": INTEGER,
        "model": STRING,
        "model_group": STRING,
        "model_id": said(STRING, "The deployment that answered."),
        "custom_llm_provider": STRING,
        "startTime": STRING,
        "endTime": STRING,
        "status": STRING,
    },
    {
        "call_type": STRING,
        "user": STRING,
        "end_user": maybe(STRING),
        "request_tags": array(STRING),
        "metadata": said(ANY_OBJECT, "Outcome, attempts with their usage and price version, `estimated`, `unpriced`."),
    },
)

_NAMED_KEY = record({"key": _ID}, more=False)

MANAGEMENT_SHAPES: dict[str, Shape] = {
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
        body=record({}, {"keys": array(_ID), "key_aliases": array(STRING)}, more=False),
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
    "model_new": Shape(
        body=_NEW_MODEL,
        answer=record({"model_id": STRING, **_MODEL}),
        example={"model_name": "fast", "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "sk-…"}},
    ),
    "model_info": Shape(
        query=(Query("litellm_model_id", "Only this deployment.", STRING),),
        answer=record({"data": array(record(_MODEL))}),
    ),
    "model_delete": Shape(
        body=record({"id": said(STRING, "The deployment's id.")}, more=False),
        answer=record({"message": STRING}),
        example={"id": "…"},
    ),
    "spend_logs": Shape(
        query=(
            Query("api_key", "Only this key's entries; a key holder sees its own alone.", STRING),
            Query("user_id", "Only this user's entries.", STRING),
            Query("request_id", "Only this request's entry.", STRING),
            Query("start_date", "From this day on (`YYYY-MM-DD`, or with a time).", STRING),
            Query("end_date", "Up to this day.", STRING),
            Query("summarize", "`false` for entries where both dates are given; otherwise sums by day.", BOOLEAN),
        ),
        answer=array(_LEDGER_ENTRY),
    ),
}
"""By the route's name."""
