"""What a call costs, however it ends."""

import pytest

from services.passthrough.domain.bills import Finished, beyond, billed_model, cost_of
from services.passthrough.domain.operations import meaning_of, model_in_path, operation_of
from services.passthrough.domain.targets import Target
from shared.pricing.prices import UNPRICED, Price
from shared.pricing.table import PriceTable
from shared.pricing.usage import Usage
from shared.settings.models import Deployment

VENDOR = Target("passthrough:openai", "/openai", "https://api.example", "demo", vendor="openai")
FLAT = Target("passthrough:x", "/x", "https://api.example", "x", cost_per_request=2_000_000)
FREE = Target("passthrough:x", "/x", "https://api.example", "x", cost_per_request=0)
UNKNOWN = Target("passthrough:x", "/x", "https://api.example", "x")

SERVED = Finished("success", 200, 1.0, 200)
FAILED = Finished("failure", 503, 1.0, 503)
UNANSWERED = Finished("failure", 502, 1.0)
CUT = Finished("interrupted", 502, 1.0, 200)


def demo_price() -> Price:
    """The demo model's price."""
    return PriceTable().price_of(Deployment(provider="demo", model="demo"))


@pytest.mark.parametrize(
    ("target", "meaning", "usage", "end", "nano", "unpriced"),
    [
        (VENDOR, "metered", Usage(input=2, output=1), SERVED, 4000, False),
        (VENDOR, "metered", Usage(input=2, output=1), CUT, 4000, False),
        (VENDOR, "metered", None, SERVED, 0, True),
        (VENDOR, "metered", None, FAILED, 0, False),
        (VENDOR, "metered", None, UNANSWERED, 0, False),
        (VENDOR, "free", None, SERVED, 0, False),
        (VENDOR, "unknown", None, SERVED, 0, True),
        (FLAT, "unknown", None, SERVED, 2_000_000, False),
        (FLAT, "unknown", None, CUT, 2_000_000, False),
        (FLAT, "unknown", None, FAILED, 0, False),
        (FREE, "unknown", None, SERVED, 0, False),
        (UNKNOWN, "unknown", None, SERVED, 0, True),
    ],
)
def test_the_cost_of_a_call(
    target: Target, meaning: str, usage: Usage | None, end: Finished, nano: int, unpriced: bool
) -> None:
    """Used tokens and flat prices cost; errors cost nothing; what nobody can tell is unpriced."""
    cost = cost_of(target, meaning, usage, demo_price(), 0.0, end)  # type: ignore[arg-type]
    assert (cost.nano, cost.unpriced) == (nano, unpriced)


def test_a_usage_without_a_price_is_unpriced() -> None:
    """A model that the table does not know is never silently free."""
    assert cost_of(VENDOR, "metered", Usage(input=1), UNPRICED, 0.0, SERVED).unpriced


def test_a_cut_stream_is_what_was_reported_and_what_came_beyond() -> None:
    """Reported output is not counted twice, and the result is an estimate."""
    assert beyond(Usage(input=5, output=1), 4) == Usage(input=5, output=4, estimated=True)
    assert beyond(Usage(input=5, output=1, reasoning=2), 2).output == 1


@pytest.mark.parametrize(
    ("vendor", "method", "path", "meaning"),
    [
        ("openai", "POST", "/v1/chat/completions", "metered"),
        ("openai", "POST", "/chat/completions/", "metered"),
        ("openai", "POST", "/v1/responses", "metered"),
        ("openai", "POST", "/v1/responses/r1/cancel", "free"),
        ("openai", "GET", "/v1/responses/r1", "free"),
        ("openai", "POST", "/v1/files", "free"),
        ("openai", "POST", "/v1/batches", "unknown"),
        ("openai", "POST", "/v1/fine_tuning/jobs", "unknown"),
        ("anthropic", "POST", "/v1/messages", "metered"),
        ("anthropic", "POST", "/v1/messages/count_tokens", "free"),
        ("anthropic", "POST", "/v1/messages/batches", "unknown"),
    ],
)
def test_what_a_path_means_for_the_bill(vendor: str, method: str, path: str, meaning: str) -> None:
    """Answers that report usage are metered; what may cost later is unknown; the rest is free."""
    assert meaning_of(vendor, method, operation_of(path)) == meaning  # type: ignore[arg-type]


def test_models_in_paths() -> None:
    """Models and deployments are named by the path of some operations."""
    assert model_in_path("models/gpt-4o") == "gpt-4o"
    assert model_in_path("deployments/gpt-4o/chat/completions") == "gpt-4o"
    assert model_in_path("files/file-1") == ""


@pytest.mark.parametrize(
    ("named", "told", "certain", "priced", "billed"),
    [
        ("m", "m-2026-01-01", True, True, "m"),
        ("m", "m-2026-01-01", True, False, "m"),
        ("cheap", "dear", False, True, "dear"),
        ("m", "a-name-of-its-own", False, False, "m"),
        ("m", "", False, False, "m"),
        ("", "told", True, True, "told"),
        ("", "told", False, False, "told"),
    ],
)
def test_the_model_that_is_billed(named: str, told: str, certain: bool, priced: bool, billed: str) -> None:
    """A certain name is the caller's; where the form may say something else, the provider's word counts."""
    assert billed_model(named, told, certain=certain, priced=priced) == billed
