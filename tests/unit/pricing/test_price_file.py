"""An operator's price file wins over the table and is checked when it is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.pricing.table import PriceTable
from shared.pricing.usage import Usage
from shared.settings.models import Deployment
from shared.settings.problems import ConfigurationError


def table(tmp_path: Path, text: str) -> PriceTable:
    """Return a table with an operator's file."""
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    return PriceTable(file)


def cost(prices: PriceTable, model: str, usage: Usage, provider: str = "openai") -> tuple[int, bool, str]:
    """Return what a usage costs, whether something has no price, and where the price is from."""
    found = prices.price_of(Deployment.model_validate({"provider": provider, "model": model})).cost(usage)
    return found.nano, found.unpriced, found.version


def test_the_file_wins_over_the_table(tmp_path: Path) -> None:
    """Under the bare name or the name with its provider; other models keep the table's price."""
    prices = table(
        tmp_path,
        """
        gpt-4o: {input_cost_per_token: 1e-6, output_cost_per_token: 0.000002}
        anthropic/claude-sonnet-4-5: {input_cost_per_token: 5.0e-7}
        """,
    )
    assert cost(prices, "gpt-4o", Usage(input=10, output=10)) == (30_000, False, "file/gpt-4o")
    assert cost(prices, "claude-sonnet-4-5", Usage(input=10), "anthropic")[0] == 5000
    assert cost(prices, "gpt-4o-mini", Usage(input=1000))[0] == 150_000


def test_litellms_own_entries_can_be_used_as_they_are(tmp_path: Path) -> None:
    """Steps, service tiers and cache prices are read; fields that are no token prices are ignored."""
    entry: dict[str, Any] = {
        "litellm_provider": "openai",
        "mode": "chat",
        "max_tokens": 8192,
        "input_cost_per_token": 1e-06,
        "input_cost_per_token_above_200k_tokens": 2e-06,
        "input_cost_per_token_priority": 3e-06,
        "output_cost_per_token": 4e-06,
        "output_cost_per_token_batches": 2e-06,
        "cache_read_input_token_cost": 1e-07,
        "cache_creation_input_token_cost": 1.25e-06,
        "cache_creation_input_token_cost_above_1hr": 2e-06,
        "search_context_cost_per_query": {"search_context_size_medium": 0.03},
        "supports_vision": True,
    }
    prices = table(tmp_path, json.dumps({"gpt-x": entry}))
    assert cost(prices, "gpt-x", Usage(input=200_000))[0] == 200_000_000
    assert cost(prices, "gpt-x", Usage(input=200_001))[0] == 400_002_000
    assert cost(prices, "gpt-x", Usage(input=10, output=10, service_tier="priority"))[0] == 70_000
    assert cost(prices, "gpt-x", Usage(input=10, output=10, service_tier="batch"))[0] == 30_000
    assert cost(prices, "gpt-x", Usage(cache_read=10, cache_write_5m=10, cache_write_1h=10))[0] == 33_500
    assert cost(prices, "gpt-x", Usage(reasoning=10))[0] == 40_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a", "must map names of models"),
        ("gpt-x: 5", "no mapping of prices under 'gpt-x'"),
        ("gpt-x: {input_cost_per_token: cheap}", "'input_cost_per_token': 'cheap'"),
        ("gpt-x: {input_cost_per_token: -1}", "'input_cost_per_token': -1"),
        ("gpt-x: {input_cost_per_token: .nan}", "'input_cost_per_token'"),
        ("{", "neither JSON nor YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    """The message names the file and what is wrong in it."""
    with pytest.raises(ConfigurationError, match=says):
        table(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """An operator who names a file means it."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        PriceTable(tmp_path / "none.yaml")
