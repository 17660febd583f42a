"""The fields of limits and budgets, LiteLLM's names on one side, `Limits` on the other.

They are the same for keys, users, teams, members, organizations, customers and budgets. Outside money is dollars,
inside it is nano-dollars.
"""

from typing import Any

from services.admin.domain.durations import checked, end_of
from services.admin.domain.fields import Fields
from services.admin.domain.model_limit_fields import MODEL_LIMIT_FIELDS, model_limits_shape, read_model_limits
from services.admin.domain.times import begin_of, shown
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits

LIMIT_FIELDS = frozenset(
    {
        "budget_duration",
        "max_budget",
        "max_parallel_requests",
        "rpm_limit",
        "soft_budget",
        "temp_budget_expiry",
        "temp_budget_increase",
        "tpm_limit",
        *MODEL_LIMIT_FIELDS,
    }
)
"""What `read_limits` reads; a `FieldPolicy` has them among its known fields, or some of them."""


def read_limits(fields: Fields, before: Limits, now: float) -> Limits:
    """Return limits as a body changes them: absent leaves a limit as it was, null takes it away.

    A new object's are a change of `Limits()`. Raises `InvalidRequest` that names the field.
    """
    duration = checked(fields.updated("budget_duration", fields.text, before.budget_duration), "budget_duration")
    extra, until = _temporary(fields, before, now)
    return Limits(
        rpm=fields.updated("rpm_limit", fields.whole, before.rpm),
        tpm=fields.updated("tpm_limit", fields.whole, before.tpm),
        parallel=fields.updated("max_parallel_requests", fields.whole, before.parallel),
        max_budget=fields.updated("max_budget", fields.money, before.max_budget),
        soft_budget=fields.updated("soft_budget", fields.money, before.soft_budget),
        budget_duration=duration,
        budget_since=_since(duration, before, now),
        models=read_model_limits(fields, before.models),
        extra_budget=extra,
        extra_until=until,
    )


def limits_shape(limits: Limits, reset_at: float | None = None) -> dict[str, Any]:
    """Return limits under LiteLLM's names, in dollars; `reset_at` is when the budget's current period ends."""
    return {
        "max_budget": _dollars(limits.max_budget),
        "soft_budget": _dollars(limits.soft_budget),
        "budget_duration": limits.budget_duration or None,
        "budget_reset_at": shown(reset_at),
        "rpm_limit": limits.rpm,
        "tpm_limit": limits.tpm,
        "max_parallel_requests": limits.parallel,
        **model_limits_shape(limits.models),
        "temp_budget_increase": to_dollars(limits.extra_budget) if limits.extra_budget else None,
        "temp_budget_expiry": shown(limits.extra_until or None),
    }


def budget_table_shape(limits: Limits, id: str = "", reset_at: float | None = None) -> dict[str, Any] | None:
    """Return LiteLLM's `LiteLLM_BudgetTable`, which it shows beside an object; None for no limits and no budget."""
    if not id and limits == Limits():
        return None
    return {"budget_id": id or None, **limits_shape(limits, reset_at)}


def _temporary(fields: Fields, before: Limits, now: float) -> tuple[int, float]:
    extra, until = before.extra_budget, before.extra_until
    if fields.says("temp_budget_increase"):
        extra = fields.money("temp_budget_increase") or 0
    if fields.says("temp_budget_expiry"):
        until = _moment(fields.text("temp_budget_expiry"), now)
    if bool(extra) != bool(until):
        missing = "temp_budget_expiry" if extra else "temp_budget_increase"
        fields.wrong(missing, "is missing; a temporary increase of a budget needs its amount and its end")
    return extra, until


def _moment(text: str, now: float) -> float:
    """Return the end of a temporary increase: a duration from now, or a moment."""
    if not text:
        return 0.0
    if text[-1] in "smhdwo" and text[0].isdigit():
        return end_of(text, now, "temp_budget_expiry") or 0.0
    return begin_of(text, "temp_budget_expiry")


def _since(duration: str, before: Limits, now: float) -> float:
    """Return when the first period began: now for a new duration; a budget that never resets has none."""
    if not duration:
        return 0.0
    return before.budget_since if duration == before.budget_duration else now


def _dollars(nano: int | None) -> float | None:
    return None if nano is None else to_dollars(nano)
