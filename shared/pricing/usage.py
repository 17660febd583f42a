"""What one attempt used, as disjoint parts: no token is counted in two of them."""

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=10**10)]
"""Tokens, or requests; never negative and never more than can be summed, checked where an event is read."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens (and requests) that one attempt at a provider used.

    Providers report overlapping figures: OpenAI's `prompt_tokens` includes cached and audio tokens and its
    `completion_tokens` includes reasoning, Anthropic's `input_tokens` excludes cached ones. The readers in
    `shared.wire` make them disjoint, so that the sum of price times part is the cost, once.
    """

    input: Count = 0
    """Text input tokens that were neither read from nor written to a cache."""
    cache_read: Count = 0
    cache_write_5m: Count = 0
    cache_write_1h: Count = 0
    input_audio: Count = 0
    input_image: Count = 0
    output: Count = 0
    """Text output tokens that were not reasoning."""
    reasoning: Count = 0
    output_audio: Count = 0
    output_image: Count = 0
    web_searches: Count = 0
    """Server-side tool calls billed per request (Anthropic's `server_tool_use.web_search_requests`)."""
    service_tier: str = ""
    """As the provider reported it (`priority`, `flex`, `batch`, …); empty for its standard tier."""
    estimated: bool = False
    """True when the provider reported nothing and the figures are our own count."""

    @property
    def prompt_tokens(self) -> int:
        """Everything that went in, as OpenAI's `prompt_tokens` counts it."""
        return (
            self.input
            + self.cache_read
            + self.cache_write_5m
            + self.cache_write_1h
            + self.input_audio
            + self.input_image
        )

    @property
    def completion_tokens(self) -> int:
        """Everything that came out, as OpenAI's `completion_tokens` counts it."""
        return self.output + self.reasoning + self.output_audio + self.output_image

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens
