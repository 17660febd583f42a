"""What a caller is told when a limit or a budget refuses."""

import pytest

from shared.errors import BudgetExceeded, RateLimited
from shared.pricing.money import NANO
from shared.schemas.limits import Measure, Refusal, Room, Verdict
from shared.schemas.scopes import Scope, of_model
from shared.wire.scope_refusals import error_of

TEAM = Scope("team", "red").text


@pytest.mark.parametrize(
    ("measure", "unit"),
    [("requests", "requests per minute"), ("tokens", "tokens per minute"), ("parallel", "at a time")],
)
def test_a_rate_limit_says_which_and_when(measure: Measure, unit: str) -> None:
    """429 with the limit, whose it is, the headers that clients read, and when to come again."""
    refusal = Refusal(TEAM, measure, 100, 100, retry_after=2.2)
    error = error_of(refusal, Verdict("r", refusal, Room(100, 0, 2.2), Room(5000, 7, 1.0)), 400)
    body = error.to_body()
    assert isinstance(error, RateLimited)
    assert (body.status, body.code, body.retry_after) == (429, "rate_limit_exceeded", 2.2)
    assert "limit of 100" in body.message
    assert unit in body.message
    assert "this team" in body.message
    assert body.message.endswith("Try again in 3 s.")
    assert dict(body.headers) == {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "3s",
        "x-ratelimit-limit-tokens": "5000",
        "x-ratelimit-remaining-tokens": "7",
        "x-ratelimit-reset-tokens": "1s",
        "x-tollway-limit-scope": "team",
        "x-tollway-limit-measure": measure,
    }


@pytest.mark.parametrize("status", [400, 422, 429])
def test_a_spent_budget_has_the_operators_status_and_litellms_words(status: int) -> None:
    """The message names cost and budget in dollars; clients look for its beginning, and for the type."""
    refusal = Refusal(Scope("key", "k").text, "budget", NANO // 2, 3 * NANO // 4)
    body = error_of(refusal, Verdict("r", refusal), status).to_body()
    assert (body.status, body.type, body.code) == (status, "budget_exceeded", "budget_exceeded")
    assert body.message.startswith("Budget has been exceeded! Current cost: 0.75, Max budget: 0.5")


@pytest.mark.parametrize(
    ("nano", "shown"), [(10_000, "0.00001"), (1, "0.000000001"), (100 * NANO, "100.0"), (0, "0.0")]
)
def test_small_amounts_are_told_in_plain_digits(nano: int, shown: str) -> None:
    """A person reads them, so there is no exponent."""
    refusal = Refusal(Scope("key", "k").text, "budget", nano, nano)
    message = error_of(refusal, Verdict("r", refusal), 400).message
    assert f"Current cost: {shown}, Max budget: {shown}." in message


def test_a_budget_that_is_only_held_frees_itself() -> None:
    """Spend alone is below the budget, so the caller comes again."""
    refusal = Refusal(TEAM, "budget", NANO, NANO // 2, held=NANO, retry_after=1.0)
    error = error_of(refusal, Verdict("r", refusal), 400)
    assert isinstance(error, RateLimited)
    assert not isinstance(error, BudgetExceeded)
    assert (error.to_body().status, error.to_body().code) == (429, "budget_held")


def test_no_id_of_an_operators_is_told() -> None:
    """The caller learns the kind of scope, and the model that it named itself."""
    refusal = Refusal(of_model(Scope("user", "secret-user"), "gpt").text, "requests", 1, 1, retry_after=60.0)
    body = error_of(refusal, Verdict("r", refusal), 400).to_body()
    assert "secret-user" not in str(body)
    assert "this user for the model 'gpt'" in body.message
