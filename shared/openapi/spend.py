"""The bodies of the `/spend` routes."""

from shared.openapi.shapes import ANY_OBJECT, BOOLEAN, INTEGER, NUMBER, STRING, Query, Shape, array, maybe, record, said

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

SPEND_SHAPES: dict[str, Shape] = {
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
