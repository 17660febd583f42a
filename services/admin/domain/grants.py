"""What one object may hand to another: models and limits within its own.

A limit that the receiver does not have is no grant: the giver's own holds at use all the same. A number that is
larger than the giver's would only seem to be one, and is refused.
"""

from collections.abc import Sequence

from shared.errors import Forbidden
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits

ALL_TEAM_MODELS, ALL_PROXY_MODELS, NO_DEFAULT_MODELS = "all-team-models", "all-proxy-models", "no-default-models"
"""LiteLLM's words in lists of models: the team's, every one, and none but those named."""

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
    if not giver or ALL_PROXY_MODELS in giver:
        return
    for model in models:
        if model not in (ALL_TEAM_MODELS, NO_DEFAULT_MODELS) and not _has(giver, model):
            raise Forbidden(f"The {noun} does not have the model '{model}'.", param="models")


def _has(giver: Sequence[str], model: str) -> bool:
    return model in giver or any(name.endswith("*") and model.startswith(name[:-1]) for name in giver)


def _check_money(field: str, asked: int | None, most: int | None, noun: str) -> None:
    if asked is not None and most is not None:
        _check(field, to_dollars(asked), to_dollars(most), noun)


def _check(field: str, asked: float | None, most: float | None, noun: str) -> None:
    if asked is not None and most is not None and asked > most:
        raise Forbidden(f"'{field}' is {asked:g}, and the {noun} has {most:g}.", param=field)
