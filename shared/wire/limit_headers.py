"""The headers in which OpenAI's API tells callers about their limits, as its clients and LiteLLM's read them."""

import math

from shared.schemas.limits import Room


def room_headers(requests: Room | None, tokens: Room | None) -> dict[str, str]:
    """Return `x-ratelimit-*` for what is limited; `reset` is a duration in whole seconds, rounded up."""
    headers: dict[str, str] = {}
    for name, room in (("requests", requests), ("tokens", tokens)):
        if room is not None:
            headers[f"x-ratelimit-limit-{name}"] = str(room.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(room.remaining)
            headers[f"x-ratelimit-reset-{name}"] = f"{math.ceil(room.reset)}s"
    return headers
