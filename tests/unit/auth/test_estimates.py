"""How large a request may become."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.estimates import (
    check_priced,
    estimate,
)
from services.auth.domain.facts import Facts, read_native_facts
from services.auth.domain.offers import Offer
from services.auth.offers import offer_of
from shared.errors import Forbidden
from shared.pricing.bounds import DEFAULT_OUTPUT
from shared.pricing.estimate import EXPECTED_OUTPUT, MOST_EXPECTED
from shared.pricing.prices import UNPRICED, Price
from shared.pricing.table import PriceTable
from shared.pricing.usage import Usage
from shared.settings import Deployment

TABLE = PriceTable(as_of=1_750_000_000.0)


def offer(output: float = 2e-6, **facts: Any) -> Offer:
    """Return a deployment whose input costs 1,000 nano-dollars a token and whose output twice as much."""
    deployment = Deployment.model_validate(
        {"provider": "openai", "model": "m", "input_cost_per_token": 1e-6, "output_cost_per_token": output, **facts}
    )
    return offer_of(deployment, TABLE)


@pytest.mark.parametrize(
    ("facts", "limit", "cost"),
    [
        (Facts(input=10, requested=100), None, 10_000 + 200_000),
        (Facts(input=10, requested=100, choices=3), None, 3 * (10_000 + 200_000)),
        (Facts(input=10, requested=100), 50, 10_000 + 100_000),
        (Facts(input=10, requested=100_000), None, 10_000 + 200_000_000),
        (Facts(input=10), None, 10_000 + DEFAULT_OUTPUT * 2000),
        (Facts(input=10), 1000, 10_000 + 2_000_000),
        (Facts(input=10), 100_000, 10_000 + 200_000_000),
    ],
)
def test_the_hold_is_the_most_that_it_may_cost(facts: Facts, limit: int | None, cost: int) -> None:
    """Input as counted, and the smaller of requested and possible output, for each choice."""
    assert estimate(facts, [offer(max_output_tokens=limit)]).cost == cost


def test_the_price_file_knows_how_much_a_model_writes(tmp_path: Path) -> None:
    """As LiteLLM's files do; what the deployment itself says comes first."""
    file = tmp_path / "prices.json"
    file.write_text('{"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "max_output_tokens": 500}}')
    prices, said = PriceTable(file), {"provider": "openai", "model": "m"}
    of_file = offer_of(Deployment.model_validate(said), prices)
    assert estimate(Facts(input=10), [of_file]).cost == 10_000 + 1_000_000
    of_deployment = offer_of(Deployment.model_validate({**said, "max_output_tokens": 50}), prices)
    assert estimate(Facts(input=10), [of_deployment]).cost == 10_000 + 100_000


@pytest.mark.parametrize(
    ("body", "requested", "choices"),
    [
        ({"max_output_tokens": 70}, 70, 1),
        ({"generationConfig": {"maxOutputTokens": 80, "candidateCount": 2}}, 80, 2),
        ({"inferenceConfig": {"maxTokens": 90}}, 90, 1),
        ({"generationConfig": "much", "max_tokens": 5}, 5, 1),
        ({"generationConfig": {"maxOutputTokens": "all"}}, None, 1),
    ],
)
def test_native_bodies_state_their_length(body: dict[str, Any], requested: int | None, choices: int) -> None:
    """Under the names of their own APIs."""
    facts = read_native_facts(msgspec.json.encode(body), "openai")
    assert (facts.requested, facts.choices) == (requested, choices)


def test_the_dearest_deployment_counts() -> None:
    """Whichever the router takes, the hold covers it; without any there is nothing to hold."""
    facts = Facts(input=10, requested=100)
    assert estimate(facts, [offer(), offer(9e-6), offer(1e-6)]).cost == 10_000 + 900_000
    assert estimate(facts, []).cost == 0


@pytest.mark.parametrize(
    ("facts", "tokens"),
    [
        (Facts(input=10), 10 + EXPECTED_OUTPUT),
        (Facts(input=10, requested=5), 15),
        (Facts(input=10, requested=50_000), 10 + MOST_EXPECTED),
        (Facts(input=10, requested=5, choices=2), 20),
        (Facts(requested=5), 5),
    ],
)
def test_rates_are_charged_with_what_is_likely(facts: Facts, tokens: int) -> None:
    """An agent that states a large maximum does not use up a rate limit by it."""
    assert estimate(facts, [offer()]).tokens == tokens


def test_a_model_without_a_price_has_no_place_under_a_budget() -> None:
    """One deployment without a price is enough: the router may take it."""
    unpriced = Offer(offer().deployment, UNPRICED)
    check_priced("m", [offer()])
    check_priced("m", [])
    with pytest.raises(Forbidden, match="no price"):
        check_priced("m", [offer(), unpriced])


def price(provider: str, model: str) -> Price:
    """Return the price of a provider's model."""
    return TABLE.price_of(Deployment.model_validate({"provider": provider, "model": model}))


PRICES = [
    price("openai", "gpt-4o"),
    price("openai", "gpt-5"),
    price("anthropic", "claude-sonnet-4-5"),
    price("demo", "demo"),
]
TIERS = st.sampled_from(["", "default", "priority", "flex", "batch"])
PARTS = st.integers(0, 300_000)


@given(st.sampled_from(PRICES), PARTS, PARTS, PARTS, PARTS, PARTS, TIERS)
def test_no_text_costs_more_than_its_bound(
    known: Price, fresh: int, read: int, written: int, output: int, reasoning: int, tier: str
) -> None:
    """Cached, written to the cache, reasoned, in any tier and context step."""
    usage = Usage(
        input=fresh, cache_read=read, cache_write_1h=written, output=output, reasoning=reasoning, service_tier=tier
    )
    assert known.known
    assert known.cost(usage).nano <= known.bound(fresh + read + written, output + reasoning)


@pytest.mark.parametrize("model", ["gpt-4o-audio-preview", "gpt-image-1"])
@given(PARTS, PARTS, PARTS, PARTS, PARTS, PARTS)
def test_no_sound_and_no_image_costs_more_than_its_bound(
    model: str, text: int, audio: int, image: int, written: int, spoken: int, drawn: int
) -> None:
    """A token of audio may cost sixteen times as much as one of text; which they are only the answer tells."""
    usage = Usage(
        input=text, input_audio=audio, input_image=image, output=written, output_audio=spoken, output_image=drawn
    )
    known = price("openai", model)
    assert known.known
    assert known.cost(usage).nano <= known.bound(text + audio + image, written + spoken + drawn)


def test_a_bound_is_not_wild() -> None:
    """It is the price itself where there is but one."""
    usage = Usage(input=1000, output=1000)
    assert price("demo", "demo").bound(1000, 1000) == price("demo", "demo").cost(usage).nano
    assert UNPRICED.bound(1000, 1000) == 0
