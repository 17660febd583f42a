"""Requests and tokens by day, as LiteLLM's pages of activity read them. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any


class Counts:
    """Requests and tokens of some days."""

    def __init__(self) -> None:
        self._days: dict[str, tuple[int, int]] = {}

    def add(self, day: str, amounts: Mapping[str, int]) -> None:
        """Add what a row says of a day, `YYYY-MM-DD`."""
        requests, tokens = self._days.get(day, (0, 0))
        more = amounts["prompt_tokens"] + amounts["completion_tokens"]
        self._days[day] = (requests + amounts["requests"], tokens + more)

    @property
    def requests(self) -> int:
        """The requests of all days."""
        return sum(requests for requests, _ in self._days.values())

    @property
    def shape(self) -> dict[str, Any]:
        """Return the days in their order, with their sums; LiteLLM writes them as `Jan 22`."""
        return {
            "daily_data": [
                {"date": date.fromisoformat(day).strftime("%b %d"), "api_requests": requests, "total_tokens": tokens}
                for day, (requests, tokens) in sorted(self._days.items())
            ],
            "sum_api_requests": self.requests,
            "sum_total_tokens": sum(tokens for _, tokens in self._days.values()),
        }
