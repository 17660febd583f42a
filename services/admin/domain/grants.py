"""What one object may hand to another: models and limits within its own.

A limit that the receiver does not have is no grant: the giver's own holds at use all the same. A number that is
larger than the giver's would only seem to be one, and is refused.
"""

from collections.abc import Sequence

import msgspec

from shared.errors import Forbidden
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits, ModelLimits
from shared.schemas.model_lists import ALL_TEAM_MODELS, EVERYTHING, NO_DEFAULT_MODELS, allows

_COUNTS = {"rpm": "rpm_limit", "tpm": "tpm_limit", "parallel": "max_parallel_requests"}
_MODEL_COUNTS = {"rpm": "model_rpm_limit", "tpm": "model_tpm_limit"}


def check_limits(limits: Limits, giver: Limits, noun: str) -> None:
    """Raise `Forbidden`, which names the field, where a limit is above the giver's; `noun` says who gives."""
    for name, field in _COUNTS.items():
        _check(field, getattr(limits, name), getattr(giver, name), noun)
    _check_money("max_budget", limits.max_budget, giver.max_budget, noun)
    if limits.max_budget is not None:
        _check_money("temp_budget_increase", limits.max_budget + limits.extra_budget, giver.max_budget, noun)
    for model in limits.models.keys() & giver.models.keys():
        asked, given = limits.models[model], giver.models[model]
        for name, field in _MODEL_COUNTS.items():
            _check(field, getattr(asked, name), getattr(given, name), noun)
        _check_money("model_max_budget", asked.max_budget, given.max_budget, noun)


def check_models(models: Sequence[str], giver: Sequence[str], noun: str) -> None:
    """Raise `Forbidden` where a list of models has one that the giver's has not; an empty list of the giver's is all.

    An empty list that is given means all that the giver has, as it does at use. A giver's wildcard, such as `openai/*`,
    covers what it matches.
    """
    if not giver or not EVERYTHING.isdisjoint(giver):
        return
    for model in models:
        if model not in (ALL_TEAM_MODELS, NO_DEFAULT_MODELS) and not allows(giver, model):
            raise Forbidden(f"The {noun} does not have the model '{model}'.", param="models")


def news(limits: Limits, before: Limits) -> Limits:
    """Return the limits that a change states anew: what is as it was is no grant."""
    same = {name: None for name in _COUNTS if getattr(limits, name) == getattr(before, name)}
    if (limits.max_budget, limits.extra_budget) == (before.max_budget, before.extra_budget):
        same["max_budget"] = None
    models = {model: item for model, item in limits.models.items() if before.models.get(model) != item}
    return msgspec.structs.replace(limits, models=models, **same)


def check_kept(limits: Limits, before: Limits, noun: str) -> None:
    """Raise `Forbidden` where a limit of `before` is gone, or its budget's period another: that would be more."""
    for name, field in _COUNTS.items():
        _check_there(field, getattr(limits, name), getattr(before, name), noun)
    _check_there("max_budget", limits.max_budget, before.max_budget, noun)
    if before.max_budget is not None and limits.budget_duration != before.budget_duration:
        raise Forbidden(f"The {noun}'s budget has another period.", param="budget_duration")
    if before.max_budget is not None and limits.extra_budget:
        if limits.extra_budget > before.extra_budget:
            raise Forbidden(f"The {noun} does not have this increase.", param="temp_budget_increase")
        if limits.extra_until > before.extra_until:
            raise Forbidden(f"The {noun}'s increase ends sooner.", param="temp_budget_expiry")
    for model, had in before.models.items():
        has = limits.models.get(model, ModelLimits())
        for name, field in _MODEL_COUNTS.items():
            _check_there(field, getattr(has, name), getattr(had, name), noun)
        _check_there("model_max_budget", has.max_budget, had.max_budget, noun)
        if had.max_budget is not None and has.budget_duration != had.budget_duration:
            raise Forbidden(f"The {noun}'s budget of a model has another period.", param="model_max_budget")


def _check_there(field: str, limit: int | None, before: int | None, noun: str) -> None:
    if before is not None and limit is None:
        raise Forbidden(f"'{field}' may not be taken from the {noun}.", param=field)


def _check_money(field: str, asked: int | None, most: int | None, noun: str) -> None:
    if asked is not None and most is not None:
        _check(field, to_dollars(asked), to_dollars(most), noun)


def _check(field: str, asked: float | None, most: float | None, noun: str) -> None:
    if asked is not None and most is not None and asked > most:
        raise Forbidden(f"'{field}' is {asked:g}, and the {noun} has {most:g}.", param=field)
