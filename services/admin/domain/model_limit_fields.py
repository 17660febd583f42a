"""The fields of limits for single models: LiteLLM has three maps by model group, Tollway one."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from services.admin.domain.durations import checked
from services.admin.domain.fields import FieldPolicy, Fields
from shared.pricing.money import to_dollars
from shared.schemas.limits import ModelLimits

MODEL_LIMIT_FIELDS = frozenset({"model_max_budget", "model_rpm_limit", "model_tpm_limit"})

MOST_MODELS = 1000

_BUDGET = FieldPolicy(
    known=frozenset({"budget_duration", "budget_limit", "max_budget", "rpm_limit", "time_period", "tpm_limit"}),
    refused={"tpd_limit": None},
    kept=frozenset(),
)
"""LiteLLM's `BudgetConfig`, with the older names that it still reads. Rates in it count as those of their own maps."""

T = TypeVar("T")


def read_model_limits(fields: Fields, before: Mapping[str, ModelLimits]) -> dict[str, ModelLimits]:
    """Return the limits by model as a body changes them; each of the three maps is replaced as a whole.

    A rate within a model's budget is put into the map of rates, whatever else that holds.
    """
    budgets = _map(fields, "model_max_budget", _budget, _parts(before, _budget_of))
    rpm = _rates(fields, "rpm_limit", _parts(before, lambda limits: limits.rpm))
    tpm = _rates(fields, "tpm_limit", _parts(before, lambda limits: limits.tpm))
    return {
        model: ModelLimits(rpm.get(model), tpm.get(model), *budgets.get(model, (None, "")))
        for model in dict.fromkeys((*budgets, *rpm, *tpm))
    }


def model_limits_shape(models: Mapping[str, ModelLimits]) -> dict[str, Any]:
    """Return the three maps, in dollars."""
    return {
        "model_max_budget": {model: _budget_shape(*budget) for model, budget in _parts(models, _budget_of).items()},
        "model_rpm_limit": _parts(models, lambda limits: limits.rpm) or None,
        "model_tpm_limit": _parts(models, lambda limits: limits.tpm) or None,
    }


def _map(
    fields: Fields, name: str, read: Callable[[Fields, str], T | None], before: Mapping[str, T]
) -> Mapping[str, T]:
    if not fields.says(name):
        return before
    given = fields.mapping(name)
    if len(given) > MOST_MODELS:
        fields.wrong(name, f"must not name more than {MOST_MODELS} models")
    inner = Fields(given, fields.path(name))
    found = {model: read(inner, inner.checked_name(model)) for model in given}
    return {model: value for model, value in found.items() if value is not None}


def _rates(fields: Fields, name: str, before: Mapping[str, int]) -> Mapping[str, int]:
    found = dict(_map(fields, f"model_{name}", Fields.whole, before))
    for model, budget in fields.mapping("model_max_budget").items():
        if not isinstance(budget, dict):
            continue
        inner = Fields(budget, f"{fields.path('model_max_budget')}.{model}")
        rate = inner.whole(name)
        if rate is None:
            continue
        if fields.says(f"model_{name}") and found.get(model, rate) != rate:
            inner.wrong(name, f"says one thing and 'model_{name}' another; leave one of them out")
        found[model] = rate
    return found


def _budget(fields: Fields, model: str) -> tuple[int, str] | None:
    """Return a model's budget in nano-dollars and its period; a bare number is a budget that never resets."""
    if not isinstance(fields[model], dict):
        amount = fields.money(model)
        return None if amount is None else (amount, "")
    place = fields.path(model)
    _BUDGET.sort_out(fields[model], place)
    inner = Fields(fields[model], place)
    amount = inner.money("max_budget" if "max_budget" in inner else "budget_limit")
    duration_name = "budget_duration" if "budget_duration" in inner else "time_period"
    duration = checked(inner.text(duration_name), f"{place}.{duration_name}")
    if amount is not None:
        return amount, duration
    if duration or not ("rpm_limit" in inner or "tpm_limit" in inner):
        inner.wrong("max_budget", "is missing; it must be a number of dollars")
    return None


def _budget_of(limits: ModelLimits) -> tuple[int, str] | None:
    return None if limits.max_budget is None else (limits.max_budget, limits.budget_duration)


def _budget_shape(amount: int, duration: str) -> dict[str, Any]:
    return {"max_budget": to_dollars(amount), "budget_duration": duration or None}


def _parts(models: Mapping[str, ModelLimits], part: Callable[[ModelLimits], T | None]) -> dict[str, T]:
    found = {model: part(limits) for model, limits in models.items()}
    return {model: value for model, value in found.items() if value is not None}
