"""Model groups as LiteLLM's `/model_group/info` shows them: what all of their deployments have in common, or the most.

What an operator states in `model_info` counts first. What nobody knows is null, never a guess.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.pricing.prices import Price
from shared.pricing.usage import Usage
from shared.settings import Deployment

_MANY = 1_000_000
_NANO = 10**9

_ABILITIES = (
    "supports_function_calling",
    "supports_parallel_function_calling",
    "supports_reasoning",
    "supports_url_context",
    "supports_vision",
    "supports_web_search",
)


@dataclass(frozen=True, slots=True)
class Member:
    """One deployment of a group, with what is known of its model."""

    deployment: Deployment
    info: dict[str, Any]
    price: Price
    context_window: int | None
    """Tokens, by the price table."""


def group_shape(name: str, members: Sequence[Member]) -> dict[str, Any]:
    """Return LiteLLM's `ModelGroupInfo`."""
    return {
        "model_group": name,
        "providers": sorted({member.deployment.provider for member in members}),
        "max_input_tokens": _most(members, lambda member: member.info.get("max_input_tokens", member.context_window)),
        "max_output_tokens": _most(members, lambda member: member.info.get("max_output_tokens")),
        "input_cost_per_token": _most(members, lambda member: _each(member.price, Usage(input=_MANY))),
        "output_cost_per_token": _most(members, lambda member: _each(member.price, Usage(output=_MANY))),
        "mode": next((mode for mode in (member.info.get("mode") for member in members) if mode), "chat"),
        "rpm": _sum(member.deployment.rpm for member in members),
        "tpm": _sum(member.deployment.tpm for member in members),
        **{ability: _all(member.info.get(ability) for member in members) for ability in _ABILITIES},
        "supported_openai_params": None,
        "configurable_clientside_auth_params": None,
    }


def _each(price: Price, usage: Usage) -> float | None:
    """Return dollars for one token, from the price of many; None where it is not known."""
    cost = price.cost(usage)
    return None if cost.unpriced else cost.nano / _NANO / _MANY


def _most(members: Iterable[Member], figure: Callable[[Member], Any]) -> float | None:
    found = [value for value in map(figure, members) if isinstance(value, int | float) and not isinstance(value, bool)]
    return max(found, default=None)


def _sum(limits: Iterable[int | None]) -> int | None:
    """Return what all deployments take together; None where one of them has no limit."""
    found = list(limits)
    return sum(limit for limit in found if limit is not None) if None not in found else None


def _all(stated: Iterable[Any]) -> bool | None:
    """Return true where every deployment has an ability, false where one says no, None where nobody knows."""
    found = list(stated)
    if all(value is True for value in found):
        return True
    return False if any(value is False for value in found) else None
