"""Usage as each dialect's clients read it."""

from typing import Any

from shared.pricing.usage import Usage

_ANTHROPIC_TIERS = frozenset({"priority", "batch"})


def openai_usage(usage: Usage) -> dict[str, Any]:
    """Return OpenAI's usage object, whose token counts include those in its details."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "audio_tokens": usage.input_audio,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.output_audio,
        },
    }


def anthropic_usage(usage: Usage | None) -> dict[str, Any]:
    """Return Anthropic's usage object, whose `input_tokens` excludes cached ones; zeros where nothing is known."""
    usage = usage or Usage()
    written = usage.cache_write_5m + usage.cache_write_1h
    fields: dict[str, Any] = {
        "input_tokens": usage.prompt_tokens - usage.cache_read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.completion_tokens,
    }
    if usage.reasoning:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return fields


def anthropic_whole_usage(usage: Usage | None) -> dict[str, Any]:
    """Return the usage object of an answer that is not streamed, with cache lifetimes and service tier."""
    usage = usage or Usage()
    lifetimes = {
        "ephemeral_5m_input_tokens": usage.cache_write_5m,
        "ephemeral_1h_input_tokens": usage.cache_write_1h,
    }
    tier = usage.service_tier if usage.service_tier in _ANTHROPIC_TIERS else "standard"
    return {**anthropic_usage(usage), "cache_creation": lifetimes, "service_tier": tier}


def with_cost(usage: dict[str, Any], cost: float | None) -> dict[str, Any]:
    """Return the usage with its dollars as `cost`, LiteLLM's and OpenRouter's name; without where there is no price."""
    return usage if cost is None else {**usage, "cost": cost}
