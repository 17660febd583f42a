"""LiteLLM's `SpendMetrics`: the figures that its reports of activity repeat for everything."""

from collections.abc import Mapping
from typing import Any

from shared.pricing.money import to_dollars

_NEVER_HERE = {
    "flat_cost": 0.0,
    "compression_saved_tokens": 0,
    "compression_savings_spend": 0.0,
    "prompt_caching_savings_spend": 0.0,
    "gateway_injected_caching_savings_spend": 0.0,
    "autorouter_savings_spend": 0.0,
    "total_response_time_ms": 0,
    "timed_requests": 0,
}
"""Figures of features that Tollway does not have; its clients may read them all the same."""


def metrics_shape(amounts: Mapping[str, int]) -> dict[str, Any]:
    """Return the metrics of summed amounts (`shared.store.sums.AMOUNTS`)."""
    prompt, completion = amounts["prompt_tokens"], amounts["completion_tokens"]
    return {
        "spend": to_dollars(amounts["spend"]),
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cache_read_input_tokens": amounts["cache_read_tokens"],
        "cache_creation_input_tokens": amounts["cache_write_tokens"],
        "total_tokens": prompt + completion,
        "successful_requests": amounts["requests"] - amounts["failed"],
        "failed_requests": amounts["failed"],
        "api_requests": amounts["requests"],
        **_NEVER_HERE,
    }


def totals_shape(amounts: Mapping[str, int], page: int, pages: int) -> dict[str, Any]:
    """Return the sums over all days and the place of a page among others, as LiteLLM's `DailySpendMetadata`."""
    figures = metrics_shape(amounts)
    named = {f"total_{name.removeprefix('total_')}": value for name, value in figures.items()}
    return {**named, "page": page, "total_pages": pages, "has_more": page < pages}
