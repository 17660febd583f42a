"""Compiled prices cost exactly what the table's own, slower rules say."""

import warnings
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

import pytest
from genai_prices.types import Usage as TableUsage
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pricing import snapshot
from shared.pricing.prices import UNPRICED
from shared.pricing.rates import PARTS
from shared.pricing.table import PriceTable
from shared.pricing.usage import Usage
from shared.settings.models import Deployment

NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()

tokens = st.one_of(st.just(0), st.integers(0, 3000), st.integers(0, 2_000_000))
usages = st.builds(
    Usage, **dict.fromkeys(PARTS, tokens), service_tier=st.sampled_from([*snapshot.SERVICE_TIERS, "scale", "auto"])
)
moments = st.floats(datetime(2025, 1, 1, tzinfo=UTC).timestamp(), datetime(2027, 1, 1, tzinfo=UTC).timestamp())


@cache
def entries() -> list[tuple[Any, Any]]:
    """Return every model of OpenAI's and Anthropic's, and those whose price changes with the time of day."""
    table = snapshot.load()
    return [(p, m) for p in table.providers if p.id in {"openai", "anthropic", "deepseek"} for m in p.models]


@cache
def compiled(index: int) -> Any:
    """Return an entry's price, compiled as the price table does it."""
    from shared.pricing.prices import Price

    periods = snapshot.compile_model(*entries()[index])
    return Price("x", periods, NOW) if periods else UNPRICED


def as_the_table_counts(usage: Usage) -> TableUsage:
    """Return the same usage in overlapping totals."""
    written = usage.cache_write_5m + usage.cache_write_1h
    text = usage.input + usage.cache_read + written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TableUsage(
            input_tokens=usage.prompt_tokens,
            input_text_tokens=text,
            cache_read_tokens=usage.cache_read,
            cache_text_read_tokens=usage.cache_read,
            cache_audio_read_tokens=0,
            cache_image_read_tokens=0,
            cache_write_tokens=written,
            cache_text_write_tokens=written,
            cache_write_5m_tokens=usage.cache_write_5m,
            cache_write_1h_tokens=usage.cache_write_1h,
            cache_text_write_5m_tokens=usage.cache_write_5m,
            cache_text_write_1h_tokens=usage.cache_write_1h,
            input_audio_tokens=usage.input_audio,
            input_image_tokens=usage.input_image,
            output_tokens=usage.completion_tokens,
            output_text_tokens=usage.output + usage.reasoning,
            output_reasoning_tokens=usage.reasoning,
            output_text_reasoning_tokens=usage.reasoning,
            output_audio_tokens=usage.output_audio,
            output_image_tokens=usage.output_image,
            web_searches=usage.web_searches,
        )


@settings(max_examples=1500, deadline=None)
@given(st.data(), usages, moments)
def test_a_compiled_price_costs_what_the_table_says_to_the_nano_dollar(
    data: st.DataObject, usage: Usage, at: float
) -> None:
    """For any model, usage, service tier and moment."""
    index = data.draw(st.integers(0, len(entries()) - 1))
    provider, model = entries()[index]
    price = compiled(index)
    if not price.known:
        assert price.cost(usage).unpriced
        return
    context = dict.fromkeys(snapshot.CONTEXT_NAMES, usage.service_tier) if usage.service_tier else None
    expected = model.calc_price(
        as_the_table_counts(usage),
        provider,
        genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        price_context=context,
    ).total_price
    assert price.cost(usage, at).nano == int((expected * 10**9).to_integral_value(ROUND_HALF_UP))


@pytest.mark.parametrize("index", range(len(entries())))
def test_every_model_of_the_table_compiles_without_rounding(index: int) -> None:
    """A token's price is a whole number of atto-dollars, and one part costs what the table says."""
    provider, model = entries()[index]
    price = compiled(index)
    if not price.known:
        return
    at = datetime.fromtimestamp(NOW, UTC)
    for part in PARTS:
        usage = Usage(**{part: 1_000_000_000})
        expected = model.calc_price(as_the_table_counts(usage), provider, genai_request_timestamp=at).total_price
        assert Decimal(price.cost(usage).nano) == expected * 10**9
        assert price.cost(usage).unpriced == (expected == 0 and part in price._now[""][0][1].missing)


@given(usages, usages)
def test_a_larger_usage_never_costs_less_under_stated_prices(left: Usage, right: Usage) -> None:
    """Cost grows with every part when there are no steps."""
    price = table().price_of(deployment("any", input_cost_per_token=1e-6, output_cost_per_token=3e-6))
    both = Usage(**{part: getattr(left, part) + getattr(right, part) for part in PARTS})
    assert price.cost(both).nano >= max(price.cost(left).nano, price.cost(right).nano)
    assert abs(price.cost(both).nano - price.cost(left).nano - price.cost(right).nano) <= 1


@cache
def table() -> PriceTable:
    """Return the table without an operator's file."""
    return PriceTable(as_of=NOW)


def deployment(model: str, provider: str = "openai", **fields: Any) -> Deployment:
    """Return a deployment of a model."""
    return Deployment.model_validate({"provider": provider, "model": model, **fields})


def test_dated_names_find_their_model() -> None:
    """Both spellings of a date lead to the entry, and the version names it."""
    for name in ("gpt-4o-2024-11-20", "gpt-4o-20241120", "gpt-4o"):
        cost = table().price_of(deployment(name)).cost(Usage(input=1000, output=100))
        assert (cost.nano, cost.unpriced) == (3_500_000, False)
        assert cost.version.endswith(":openai/gpt-4o")
    dated = table().price_of(deployment("claude-sonnet-4-5-20250929", "anthropic"))
    assert dated.cost(Usage(input=1000, cache_read=1000, cache_write_5m=1000, cache_write_1h=1000)).nano == 13_050_000


def test_context_steps_apply_to_every_token() -> None:
    """One token past the step makes the whole request dearer."""
    price = table().price_of(deployment("claude-sonnet-4-5", "anthropic"))
    assert price.cost(Usage(input=200_000)).nano == 600_000_000
    assert price.cost(Usage(input=200_001)).nano == 1_200_006_000


def test_a_service_tier_that_the_table_knows_has_its_own_price() -> None:
    """Priority costs more; a tier that nobody knows costs the standard price."""
    price = table().price_of(deployment("gpt-4o"))
    cost = {tier: price.cost(Usage(output=1000, service_tier=tier)).nano for tier in ("", "priority", "batch", "scale")}
    assert cost == {"": 10_000_000, "priority": 17_000_000, "batch": 5_000_000, "scale": 10_000_000}


def test_what_nobody_priced_says_so() -> None:
    """An unknown model, a model without token prices, and a part without a price are unpriced, not free."""
    assert table().price_of(deployment("my-own-model")).cost(Usage(input=5)).unpriced
    assert not table().price_of(deployment("my-own-model")).known
    assert not table().price_of(deployment("whisper-1")).known
    only_input = table().price_of(deployment("any", input_cost_per_token=1e-6))
    assert only_input.cost(Usage(input=5)).unpriced is False
    assert only_input.cost(Usage(input=5, output=1)).unpriced is True
    assert only_input.cost(Usage(input=5, output=1)).nano == 5000


def test_a_deployments_own_prices_stand_alone() -> None:
    """They win over the table, cached input falls back to the stated input price, and zero is a price."""
    price = table().price_of(deployment("gpt-4o", input_cost_per_token=1e-7, output_cost_per_token=0))
    cost = price.cost(Usage(input=10, cache_read=10, output=10))
    assert (cost.nano, cost.unpriced, cost.version) == (2000, False, "override")


def test_the_address_decides_whose_model_it_is() -> None:
    """An OpenAI-compatible provider that the table knows by its address has its own prices."""
    there = table().price_of(deployment("deepseek-chat", api_base="https://api.deepseek.com/v1"))
    assert ":deepseek/" in there.version
    nowhere = table().price_of(deployment("gpt-4o", api_base="http://127.0.0.1:9/v1"))
    assert nowhere.version.endswith(":openai/gpt-4o")


def test_the_demo_model_has_a_price() -> None:
    """So that the first request anyone makes shows a cost."""
    assert table().price_of(deployment("demo", "demo")).cost(Usage(input=10, output=10)).nano == 30_000


def test_listed_models_answer_chats_and_have_prices() -> None:
    """Both providers list what applications ask for, and nothing that is no chat model."""
    openai, anthropic = table().models("openai"), table().models("anthropic")
    assert {"gpt-4o", "gpt-4o-mini", "gpt-5"} <= set(openai)
    assert "claude-sonnet-4-5" in anthropic
    assert not {"whisper-1", "text-embedding-3-small", "davinci", "gpt-image-1"} & set(openai)
    for provider, names in (("openai", openai), ("anthropic", anthropic)):
        assert all(table().price_of(deployment(name, provider)).known for name in names)
    assert table().models("demo") == table().models("nobody") == []
