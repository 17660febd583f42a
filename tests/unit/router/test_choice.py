"""The order in which deployments are tried."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.choice import weighted_order

WEIGHTS = st.lists(st.floats(0, 100), min_size=1, max_size=8)


@given(WEIGHTS, st.integers())
def test_every_deployment_is_tried_once(weights: list[float], seed: int) -> None:
    """The order holds each deployment exactly once, whatever the weights."""
    items = list(enumerate(weights))
    assert sorted(weighted_order(items, random.Random(seed).random)) == list(range(len(weights)))


def test_first_choices_follow_the_weights() -> None:
    """Three quarters of the requests go first to the deployment of weight three."""
    draw = random.Random(1).random
    firsts = [weighted_order([("a", 3.0), ("b", 1.0)], draw)[0] for _ in range(4000)]
    assert 0.72 < firsts.count("a") / 4000 < 0.78


def test_weight_zero_is_a_last_resort() -> None:
    """A deployment of weight 0 is tried when all others failed, and not before."""
    draw = random.Random(1).random
    assert all(weighted_order([("a", 0.0), ("b", 1.0)], draw) == ["b", "a"] for _ in range(100))
