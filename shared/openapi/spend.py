"""The bodies of the `/spend` and `/global/spend` routes, and of activity by day."""

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
        "team_id": maybe(STRING),
        "organization_id": maybe(STRING),
        "end_user": maybe(STRING),
        "request_tags": array(STRING),
        "metadata": said(ANY_OBJECT, "Outcome, attempts with their usage and price version, `estimated`, `unpriced`."),
    },
)
_SUM_OF_DAY = record({"startTime": STRING, "spend": NUMBER, "users": ANY_OBJECT, "models": ANY_OBJECT})

_WINDOW = (
    Query("start_date", "From this day on (`YYYY-MM-DD`, UTC), or from a time in ISO 8601, with its zone.", STRING),
    Query("end_date", "Up to this day, or to a time.", STRING),
)
_DAYS = (
    Query("start_date", "The first day (`YYYY-MM-DD`, UTC).", STRING),
    Query("end_date", "The last day.", STRING),
    Query("timezone", "Minutes between UTC and the caller, negative east of it: days that overlap are added.", INTEGER),
)
_COUNTED: dict[str, Schema] = {
    "daily_data": array(record({"date": STRING, "api_requests": INTEGER, "total_tokens": INTEGER})),
    "sum_api_requests": INTEGER,
    "sum_total_tokens": INTEGER,
}
_COUNTS = record(_COUNTED)
_LIMIT = Query("limit", "At most so many.", INTEGER)

_FILTERS = (
    Query("api_key", "Only this key's entries; a key holder sees its own alone.", STRING),
    Query("user_id", "Only this user's entries.", STRING),
    Query("team_id", "Only this team's entries.", STRING),
    Query("organization_id", "Only this organization's entries.", STRING),
    Query("end_user", "Only this customer's entries.", STRING),
    Query("model", "Only entries of this model or model group.", STRING),
    Query("model_group", "Only entries of this model group.", STRING),
    Query("tag", "Only entries with this tag.", STRING),
    Query("status_filter", "`success` or `failure`.", STRING),
    Query("error_code", "Only entries that ended with this error.", STRING),
    Query("min_spend", "Dollars.", NUMBER),
    Query("max_spend", "Dollars.", NUMBER),
    *_WINDOW,
)

_METRICS = record(
    {
        "spend": NUMBER,
        "prompt_tokens": INTEGER,
        "completion_tokens": INTEGER,
        "total_tokens": INTEGER,
        "cache_read_input_tokens": INTEGER,
        "cache_creation_input_tokens": INTEGER,
        "api_requests": INTEGER,
        "successful_requests": INTEGER,
        "failed_requests": INTEGER,
    }
)


def _by_name(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


_KEY_METRICS = record({"metrics": _METRICS, "metadata": ANY_OBJECT})
_PART = record({"metrics": _METRICS, "metadata": ANY_OBJECT, "api_key_breakdown": _by_name(_KEY_METRICS)})
_ACTIVITY = record(
    {
        "results": array(
            record(
                {
                    "date": STRING,
                    "metrics": _METRICS,
                    "breakdown": record(
                        {
                            "models": _by_name(_PART),
                            "model_groups": _by_name(_PART),
                            "providers": _by_name(_PART),
                            "entities": _by_name(_PART),
                            "api_keys": _by_name(_KEY_METRICS),
                        }
                    ),
                }
            )
        ),
        "metadata": record(
            {
                "total_spend": NUMBER,
                "total_api_requests": INTEGER,
                "page": INTEGER,
                "total_pages": INTEGER,
                "has_more": BOOLEAN,
            }
        ),
    }
)


def _activity(*queries: Query) -> Shape:
    return Shape(
        query=(
            *_DAYS,
            *queries,
            Query("model", "Only this model or model group.", STRING),
            Query("page", "From 1.", INTEGER),
            Query("page_size", "Days on a page: 50 unless said otherwise.", INTEGER),
        ),
        answer=_ACTIVITY,
    )


_KEY = Query("api_key", "Only this key.", STRING)


def _ids(name: str, noun: str) -> tuple[Query, Query]:
    return (
        Query(name, f"Only these {noun}, separated by commas.", STRING),
        Query(f"exclude_{name}", f"All but these {noun}.", STRING),
    )


SPEND_SHAPES: dict[str, Shape] = {
    "spend_logs": Shape(
        query=(
            *_FILTERS,
            Query("request_id", "Only this request's entry.", STRING),
            Query("summarize", "`false` for entries where both dates are given; otherwise sums by day.", BOOLEAN),
            Query("page_size", "Entries in the answer: 250 unless said otherwise, 1000 at most.", INTEGER),
            Query("cursor", "Where the page before ended: its header `x-tollway-next-cursor`.", STRING),
        ),
        answer=array({"anyOf": [_LEDGER_ENTRY, _SUM_OF_DAY]}),
    ),
    "spend_logs_export": Shape(
        query=(*_FILTERS, Query("format", "`csv` or `ndjson`.", STRING)),
        answer=said(STRING, "A file: `text/csv` or `application/x-ndjson`."),
        as_text=("text/csv", "application/x-ndjson"),
    ),
    "spend_keys": Shape(
        query=(*_DAYS, _LIMIT), answer=array(record({"token": STRING, "key_alias": maybe(STRING), "spend": NUMBER}))
    ),
    "spend_users": Shape(
        query=(*_DAYS, _LIMIT, Query("user_id", "Only this user.", STRING)),
        answer=array(record({"user_id": STRING, "user_email": maybe(STRING), "spend": NUMBER})),
    ),
    "spend_teams": Shape(
        query=(*_DAYS, _LIMIT, Query("team_id", "Only this team.", STRING)),
        answer=array(record({"team_id": STRING, "team_alias": maybe(STRING), "spend": NUMBER})),
    ),
    "spend_tags": Shape(
        query=(*_DAYS, Query("tags", "Only these tags, separated by commas.", STRING)),
        answer=array(record({"individual_request_tag": STRING, "log_count": INTEGER, "total_spend": NUMBER})),
    ),
    "global_spend": Shape(query=_DAYS, answer=record({"spend": NUMBER, "max_budget": maybe(NUMBER)})),
    "global_spend_logs": Shape(
        query=(
            *_DAYS,
            _KEY,
            Query("user_id", "Only this user.", STRING),
            Query("team_id", "Only this team.", STRING),
        ),
        answer=array(record({"date": STRING, "spend": NUMBER})),
    ),
    "global_spend_keys": Shape(
        query=(*_DAYS, _LIMIT),
        answer=array(record({"api_key": STRING, "key_alias": maybe(STRING), "total_spend": NUMBER})),
    ),
    "global_spend_models": Shape(
        query=(*_DAYS, _LIMIT),
        answer=array(record({"model": STRING, "total_spend": NUMBER, "total_tokens": INTEGER})),
    ),
    "global_spend_provider": Shape(query=_DAYS, answer=array(record({"provider": STRING, "spend": NUMBER}))),
    "global_spend_tags": Shape(
        query=(*_DAYS, Query("tags", "Only these tags, separated by commas.", STRING)),
        answer=record({"spend_per_tag": array(record({"name": STRING, "spend": NUMBER, "log_count": INTEGER}))}),
    ),
    "global_spend_tag_names": Shape(answer=record({"tag_names": array(STRING)})),
    "global_spend_teams": Shape(
        query=_DAYS,
        answer=record(
            {"daily_spend": array(ANY_OBJECT), "teams": array(STRING), "total_spend_per_team": array(ANY_OBJECT)}
        ),
    ),
    "global_spend_report": Shape(
        query=(
            *_DAYS,
            Query("group_by", "`team`, `customer` or `api_key`.", STRING),
            _KEY,
            Query("internal_user_id", "Only this user.", STRING),
            Query("team_id", "Only this team.", STRING),
            Query("organization_id", "Only this organization.", STRING),
            Query("customer_id", "Only this customer.", STRING),
        ),
        answer=array(ANY_OBJECT),
    ),
    "global_activity": Shape(query=_DAYS, answer=_COUNTS),
    "global_activity_model": Shape(
        query=(*_DAYS, _LIMIT),
        answer=array(record({"model": said(STRING, "The model group."), **_COUNTED})),
    ),
    "spend_calculate": Shape(
        body=record(
            {},
            {
                "model": said(STRING, "A model group, or a provider's own name of a model."),
                "messages": said(maybe(array(ANY_OBJECT)), "A prompt, of which the cost is told."),
                "completion_response": said(maybe(ANY_OBJECT), "An answer with its `usage`, whose cost is told."),
            },
        ),
        answer=record(
            {
                "cost": said(NUMBER, "Dollars, by the dearest deployment of the group."),
                "unpriced": said(BOOLEAN, "True where something that was used has no known price."),
            }
        ),
    ),
    "user_daily_activity": _activity(_KEY, Query("user_id", "Only this user.", STRING)),
    "team_daily_activity": _activity(_KEY, *_ids("team_ids", "teams")),
    "organization_daily_activity": _activity(_KEY, *_ids("organization_ids", "organizations")),
    "customer_daily_activity": _activity(*_ids("end_user_ids", "customers")),
    "tag_daily_activity": _activity(*_ids("tags", "tags")),
}
"""By the route's name."""
