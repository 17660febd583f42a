"""Words that several management bodies share: ids, moments, limits, under LiteLLM's names."""

from shared.openapi.shapes import INTEGER, NUMBER, STRING, Schema, maybe, record, said

ID = said(STRING, "The key itself (`sk-…`), its SHA-256, or its `token`.")
WHEN = said(maybe(STRING), "A time in ISO 8601.")
DURATION = said(maybe(STRING), "A number and a unit: `30s`, `15m`, `1h`, `30d`, `1w`, `1mo`.")
DOLLARS = said(maybe(NUMBER), "Dollars.")
COUNT = maybe(INTEGER)

_BY_MODEL = {"type": "object", "additionalProperties": INTEGER}
_BUDGET_OF_MODEL = record({"max_budget": NUMBER}, {"budget_duration": DURATION})

LIMITS: dict[str, Schema] = {
    "max_budget": DOLLARS,
    "soft_budget": said(maybe(NUMBER), "Dollars, past which an event and a header say so; nothing is refused."),
    "budget_duration": said(DURATION, "The budget's period; it never resets where this is missing."),
    "rpm_limit": said(COUNT, "Requests per minute."),
    "tpm_limit": said(COUNT, "Tokens per minute."),
    "max_parallel_requests": COUNT,
    "model_max_budget": maybe({"type": "object", "additionalProperties": _BUDGET_OF_MODEL}),
    "model_rpm_limit": maybe(_BY_MODEL),
    "model_tpm_limit": maybe(_BY_MODEL),
    "temp_budget_increase": said(maybe(NUMBER), "Dollars more until `temp_budget_expiry`."),
    "temp_budget_expiry": said(maybe(STRING), "A day, a time in ISO 8601, or a duration from now."),
}
"""The limits of an object, in bodies and in answers (`services/admin/domain/limit_fields.py`)."""

LIMITS_SHOWN: dict[str, Schema] = {**LIMITS, "budget_reset_at": WHEN}
"""The limits of an object, as answers show them."""
