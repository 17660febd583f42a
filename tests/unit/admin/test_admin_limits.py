"""Limits and budgets as bodies say them and answers show them, and what one object may hand to another."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.fields import Fields
from services.admin.domain.grants import check_kept, check_limits, check_models
from services.admin.domain.limit_fields import LIMIT_FIELDS, budget_table_shape, limits_shape, read_limits
from shared.errors import Forbidden, InvalidRequest
from shared.pricing.money import to_dollars, to_nano
from shared.schemas.limits import Limits, ModelLimits, merged
from shared.schemas.model_lists import ALL_PROXY_MODELS, ALL_TEAM_MODELS

NOW = 1_700_000_000.0

WHOLE = {
    "max_budget": 10.5,
    "soft_budget": "8",
    "budget_duration": "30d",
    "rpm_limit": 100,
    "tpm_limit": 1000.0,
    "max_parallel_requests": "5",
    "model_max_budget": {"fast": {"max_budget": 1, "budget_duration": "1d"}, "slow": 0.5},
    "model_rpm_limit": {"fast": 10},
    "model_tpm_limit": {"other": 20},
    "temp_budget_increase": 5,
    "temp_budget_expiry": "1d",
}
LIMITS = Limits(
    rpm=100,
    tpm=1000,
    parallel=5,
    max_budget=10_500_000_000,
    soft_budget=8_000_000_000,
    budget_duration="30d",
    budget_since=NOW,
    models={
        "fast": ModelLimits(rpm=10, max_budget=1_000_000_000, budget_duration="1d"),
        "slow": ModelLimits(max_budget=500_000_000),
        "other": ModelLimits(tpm=20),
    },
    extra_budget=5_000_000_000,
    extra_until=NOW + 86_400,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def read(body: dict[str, Any], before: Limits = Limits(), now: float = NOW) -> Limits:  # noqa: B008
    """Return the limits that a body leads to."""
    return read_limits(Fields(body), before, now)


def test_every_limit_is_read_and_shown_under_litellms_name() -> None:
    """Dollars become nano-dollars and dollars again; numbers may come as text, as LiteLLM takes them."""
    assert read(WHOLE) == LIMITS
    shape = limits_shape(LIMITS, NOW + 60)
    assert set(WHOLE) == set(LIMIT_FIELDS)
    assert set(shape) == LIMIT_FIELDS | {"budget_reset_at"}
    assert (shape["max_budget"], shape["soft_budget"], shape["rpm_limit"]) == (10.5, 8.0, 100)
    assert shape["model_max_budget"] == {
        "fast": {"max_budget": 1.0, "budget_duration": "1d"},
        "slow": {"max_budget": 0.5, "budget_duration": None},
    }
    assert (shape["model_rpm_limit"], shape["model_tpm_limit"]) == ({"fast": 10}, {"other": 20})
    assert shape["budget_reset_at"] == "2023-11-14T22:14:20.000Z"


@given(given=st.dictionaries(st.sampled_from(sorted(LIMIT_FIELDS)), json_values))
def test_any_body_is_limits_or_refused(given: dict[str, Any]) -> None:
    """Nothing but `InvalidRequest` is raised, and what is read is not negative."""
    with suppress(InvalidRequest):
        limits = read(given)
        numbers = (limits.rpm, limits.tpm, limits.parallel, limits.max_budget, limits.soft_budget)
        assert all(number is None or number >= 0 for number in numbers)


@given(name=st.sampled_from(sorted(LIMIT_FIELDS - {"temp_budget_increase", "temp_budget_expiry"})))
def test_null_clears_a_limit_and_absent_leaves_it(name: str) -> None:
    """An update changes what it names and nothing else."""
    assert read({}, LIMITS, NOW + 5) == LIMITS
    cleared = limits_shape(read({name: None}, LIMITS, NOW + 5))
    before = limits_shape(LIMITS)
    assert cleared[name] in (None, {})
    assert {key: value for key, value in cleared.items() if key != name} == {
        key: value for key, value in before.items() if key != name
    }


def test_what_is_shown_can_be_sent_back() -> None:
    """A script that reads an object and writes it back changes nothing."""
    shape = {name: value for name, value in limits_shape(LIMITS).items() if name in LIMIT_FIELDS}
    assert read(shape, LIMITS, NOW + 5) == LIMITS
    assert read(shape) == LIMITS


def test_a_temporary_increase_has_an_amount_and_an_end() -> None:
    """One without the other is refused; both go together; the end may be a day or a time."""
    for alone in ({"temp_budget_increase": 5}, {"temp_budget_expiry": "1d"}):
        with pytest.raises(InvalidRequest):
            read(alone)
    none = read({"temp_budget_increase": None, "temp_budget_expiry": None}, LIMITS)
    assert (none.extra_budget, none.extra_until) == (0, 0.0)
    assert read({"temp_budget_increase": 1, "temp_budget_expiry": "2030-01-01"}).extra_until == 1_893_456_000.0


def test_a_period_begins_when_its_length_is_set() -> None:
    """The same length again does not begin it anew."""
    assert read({"budget_duration": "30d", "max_budget": 1}, LIMITS, NOW + 9).budget_since == NOW
    assert read({"budget_duration": "7d"}, LIMITS, NOW + 9).budget_since == NOW + 9
    assert read({"max_budget": 1}).budget_since == 0.0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_budget": -1}, "max_budget"),
        ({"max_budget": True}, "max_budget"),
        ({"max_budget": 1e300}, "max_budget"),
        ({"max_budget": {"$gt": ""}}, "max_budget"),
        ({"soft_budget": "nan"}, "soft_budget"),
        ({"rpm_limit": 1.5}, "rpm_limit"),
        ({"rpm_limit": -1}, "rpm_limit"),
        ({"tpm_limit": 2**63}, "tpm_limit"),
        ({"max_parallel_requests": [1]}, "max_parallel_requests"),
        ({"budget_duration": "yearly"}, "budget_duration"),
        ({"budget_duration": "-1"}, "budget_duration"),
        ({"model_rpm_limit": {"a": -1}}, "model_rpm_limit.a"),
        ({"model_rpm_limit": [1]}, "model_rpm_limit"),
        ({"model_tpm_limit": {"": 1}}, "model_tpm_limit."),
        ({"model_tpm_limit": {"a\x1fb": 1}}, "model_tpm_limit.a\x1fb"),
        ({"model_max_budget": {"a": {"max_budgets": 1}}}, "model_max_budget.a.max_budgets"),
        ({"model_max_budget": {"a": {"max_budget": 1, "budget_duration": "x"}}}, "model_max_budget.a.budget_duration"),
        ({"model_max_budget": {"a": {"budget_duration": "1d"}}}, "model_max_budget.a.max_budget"),
        ({"temp_budget_increase": 1, "temp_budget_expiry": "soon"}, "temp_budget_expiry"),
    ],
)
def test_a_typing_error_is_named_by_its_place(body: dict[str, Any], param: str) -> None:
    """Negative limits, bad durations and wrong types are 400 with the field's name."""
    with pytest.raises(InvalidRequest) as refused:
        read(body)
    assert refused.value.param == param


def test_litellms_older_names_of_a_models_budget_work() -> None:
    """Its documents have `budget_limit` and `time_period`."""
    limits = read({"model_max_budget": {"a": {"budget_limit": 1, "time_period": "1d"}}})
    assert limits.models == {"a": ModelLimits(max_budget=1_000_000_000, budget_duration="1d")}


def test_rates_within_a_models_budget_count_as_those_of_their_own_maps() -> None:
    """LiteLLM's documents have them there, with money or without; what is said twice must be the same."""
    inner = {"max_budget": "0.5", "budget_duration": "1d", "rpm_limit": 5, "tpm_limit": 7}
    limits = read(
        {"model_max_budget": {"a": inner, "b": {"rpm_limit": 1}, "c": 2}, "model_rpm_limit": {"a": 5, "d": 6}}
    )
    assert limits.models == {
        "a": ModelLimits(5, 7, 500_000_000, "1d"),
        "b": ModelLimits(1),
        "c": ModelLimits(max_budget=2_000_000_000),
        "d": ModelLimits(6),
    }
    with pytest.raises(InvalidRequest) as refused:
        read({"model_max_budget": {"a": inner}, "model_rpm_limit": {"a": 6}})
    assert refused.value.param == "model_max_budget.a.rpm_limit"
    kept = read({"model_max_budget": {"a": {"max_budget": 1}}}, limits)
    assert kept.models["a"] == ModelLimits(5, 7, 1_000_000_000)


@given(dollars=st.decimals(0, 1_000_000, places=9))
def test_dollars_are_exact_to_the_nano_dollar(dollars: Any) -> None:
    """A float that prints as a decimal number counts as that number; a tiny budget is not zero."""
    assert to_nano(float(str(dollars))) == round(dollars * 1_000_000_000) or float(dollars) != dollars
    assert to_nano(to_dollars(to_nano(0.1))) == 100_000_000
    assert to_nano(1e-30) == 1


def test_an_objects_own_limit_wins_over_its_budgets() -> None:
    """A budget fills in what the object does not say; money and period come together, from its own begin."""
    budget = Limits(
        rpm=5, tpm=6, max_budget=7, budget_duration="1d", budget_since=3.0, models={"a": ModelLimits(rpm=1)}
    )
    assert merged(Limits(), budget) == msgspec.structs.replace(budget, budget_since=0.0)
    own = Limits(rpm=1, max_budget=2, models={"b": ModelLimits(rpm=2)})
    both = merged(own, budget)
    assert (both.rpm, both.tpm, both.max_budget, both.budget_duration) == (1, 6, 2, "")
    assert set(both.models) == {"a", "b"}


def test_an_object_without_limits_has_no_budget_table() -> None:
    """LiteLLM shows null there."""
    assert budget_table_shape(Limits()) is None
    assert (budget_table_shape(Limits(), "b") or {})["budget_id"] == "b"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Limits(rpm=11), "rpm_limit"),
        (Limits(tpm=11), "tpm_limit"),
        (Limits(parallel=11), "max_parallel_requests"),
        (Limits(max_budget=11), "max_budget"),
        (Limits(max_budget=8, extra_budget=3, extra_until=1), "temp_budget_increase"),
        (Limits(models={"a": ModelLimits(rpm=2)}), "model_rpm_limit"),
        (Limits(models={"a": ModelLimits(max_budget=2)}), "model_max_budget"),
    ],
)
def test_nobody_grants_more_than_it_has(asked: Limits, field: str) -> None:
    """A limit above the giver's is refused and named; one within it, or none at all, is not."""
    giver = Limits(rpm=10, tpm=10, parallel=10, max_budget=10, models={"a": ModelLimits(rpm=1, tpm=1, max_budget=1)})
    with pytest.raises(Forbidden) as refused:
        check_limits(asked, giver, "team")
    assert refused.value.param == field
    check_limits(giver, giver, "team")
    check_limits(Limits(), giver, "team")
    check_limits(asked, Limits(), "team")


def test_nobody_grants_a_model_that_it_has_not() -> None:
    """An empty list of the giver's is all; a wildcard covers what it matches."""
    check_models(["anything"], (), "team")
    check_models(["anything"], (ALL_PROXY_MODELS,), "team")
    check_models(["openai/gpt", "b", ALL_TEAM_MODELS], ("openai/*", "b"), "team")
    check_models([], ("b",), "team")
    for models in (["c"], ["openai"], [ALL_PROXY_MODELS], ["b", "*"]):
        with pytest.raises(Forbidden):
            check_models(models, ("openai/*", "b"), "team")


@pytest.mark.parametrize(
    ("after", "field"),
    [
        (Limits(max_budget=5, budget_duration="1d"), "rpm_limit"),
        (Limits(rpm=1, budget_duration="1d"), "max_budget"),
        (Limits(rpm=1, max_budget=5, budget_duration="1s"), "budget_duration"),
        (Limits(rpm=1, max_budget=5, budget_duration="1d", extra_budget=1, extra_until=9), "temp_budget_increase"),
        (Limits(rpm=1, max_budget=5, budget_duration="1d"), "model_rpm_limit"),
        (Limits(rpm=1, max_budget=5, budget_duration="1d", models={"a": ModelLimits(rpm=1)}), "model_max_budget"),
    ],
)
def test_a_limit_that_is_gone_is_more_than_any(after: Limits, field: str) -> None:
    """Taking a limit away, or changing its period, gives more than raising it would."""
    before = Limits(
        rpm=1, max_budget=5, budget_duration="1d", models={"a": ModelLimits(rpm=1, max_budget=1, budget_duration="1d")}
    )
    with pytest.raises(Forbidden) as refused:
        check_kept(after, before, "key")
    assert refused.value.param == field
    check_kept(before, before, "key")
    check_kept(after, Limits(), "key")
