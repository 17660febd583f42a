"""Operators' prices: dollars per unit under LiteLLM's names, as rates in integers."""

import re
from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from shared.pricing.rates import ATTO, Period, Rates, ServiceTiers, Steps, rates

Dollars = float | int | str | Decimal

FIELDS = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "input_cost_per_image_token": "input_image",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_image_token": "output_image",
    "web_search_cost_per_request": "web_searches",
    "cost_per_request": "request",
}
"""LiteLLM's names, except for `web_search_cost_per_request`, and the part of a usage that each is for."""

STANDS_FOR = {
    "cache_read": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "cache_write_5m",
    "input_audio": "input",
    "input_image": "input",
    "reasoning": "output",
    "output_audio": "output",
    "output_image": "output",
}
"""A part without a price of its own costs what this one costs, as providers bill it."""

_NAME = re.compile(
    rf"(?P<field>{'|'.join(sorted(FIELDS, key=len, reverse=True))})"
    r"(?:_above_(?P<above>\d+)k_tokens)?(?:_(?P<tier>priority|flex|batches))?"
)


def atto(dollars: Dollars) -> int:
    """Return dollars as whole atto-dollars; a float counts as the decimal number that it prints as."""
    return int((Decimal(str(dollars)) * ATTO).to_integral_value(ROUND_HALF_UP))


def service_tiers(fields: Mapping[str, object]) -> ServiceTiers:
    """Return the rates that the fields describe; empty when none of them is a price.

    Names may end in `_above_<n>k_tokens` (context steps) and in `_priority`, `_flex` or `_batches` (service
    tiers); such a name without the price that it varies has no effect. Unknown names are ignored, so that
    entries of LiteLLM's price list can be used as they are.
    """
    named: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for name, value in fields.items():
        match = _NAME.fullmatch(name)
        if match is None or not isinstance(value, float | int | str | Decimal):
            continue
        tier = {"batches": "batch"}.get(match["tier"] or "", match["tier"] or "")
        named[tier, int(match["above"] or 0) * 1000][FIELDS[match["field"]]] = atto(value)
    if not named.get(("", 0)):
        return {}
    return {tier: _steps(named, tier) for tier in {"", *(tier for tier, _ in named)}}


def always(tiers: ServiceTiers) -> tuple[Period, ...]:
    """Return prices that hold at all times."""
    return (Period(0, ((0, tiers),)),)


def _steps(named: Mapping[tuple[str, int], Mapping[str, int]], tier: str) -> Steps:
    starts = sorted({above for name, above in named if name in {"", tier}})
    return tuple((above, _rates(named, tier, above)) for above in starts)


def _rates(named: Mapping[tuple[str, int], Mapping[str, int]], tier: str, above: int) -> Rates:
    """Return the most special price of each part: the standard one, its step, the tier's, the tier's step."""
    prices: dict[str, int] = {}
    for name in ("", tier):
        for start in sorted({start for other, start in named if other == name and start <= above}):
            prices |= named.get((name, start), {})
    request = prices.pop("request", 0)
    for part, stand_in in STANDS_FOR.items():
        if part not in prices and stand_in in prices:
            prices[part] = prices[stand_in]
    return rates(prices, request)
