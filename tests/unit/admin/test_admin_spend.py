"""Ledger documents as LiteLLM's clients read them."""

from services.admin.domain.spend_shapes import log_shape, summary
from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.store.connection import Document
from shared.store.entries import document, shown


def entry(id: str, ended: float, cost: int, *, key: str = "k", user: str = "u", model: str = "m") -> Document:
    """Return a request's document as the ledger gives it."""
    attempt = Attempt(f"{id}-1", "d", "demo", model, ended - 1, ended, "success", usage=Usage(3, output=2), cost=cost)
    facts = {"key": key, "user": user, "attempts": (attempt,)}
    completion = Completion(id, "chat_completions", "openai", "fast", "success", 200, ended - 1, ended, **facts)
    return shown(document(completion))


def test_a_log_has_litellms_names() -> None:
    """Money in dollars, times in ISO 8601, no prompt and no answer."""
    shape = log_shape(entry("r1", 86_400.5, 1_500_000))
    assert shape["request_id"] == "r1"
    assert shape["call_type"] == "acompletion"
    assert (shape["spend"], shape["total_tokens"], shape["prompt_tokens"], shape["completion_tokens"]) == (
        0.0015,
        5,
        3,
        2,
    )
    assert (shape["startTime"], shape["endTime"]) == ("1970-01-01T23:59:59.500Z", "1970-01-02T00:00:00.500Z")
    assert (shape["model"], shape["model_group"], shape["model_id"]) == ("m", "fast", "d")
    assert (shape["status"], shape["messages"], shape["response"]) == ("success", {}, {})
    assert shape["metadata"]["attempts"][0]["spend"] == 0.0015


def test_what_a_caller_said_is_shown_as_data() -> None:
    """Beside what the gateway knows, never in its place; what is no object is nothing."""
    said = entry("r1", 1.0, 1) | {"metadata": '{"user_api_key": "sk-other", "a": {"b": 1}}'}
    shape = log_shape(said)["metadata"]
    assert (shape["user_api_key"], shape["requester_metadata"]) == ("k", {"user_api_key": "sk-other", "a": {"b": 1}})
    assert log_shape(said | {"metadata": "[1"})["metadata"]["requester_metadata"] == {}


def test_a_summary_has_a_day_for_each_day() -> None:
    """Sums by key, user and model are exact; a day without requests is there with nothing spent."""
    documents = [
        entry("r1", 10.0, 100_000_000),
        entry("r2", 20.0, 200_000_000, key="other", model="n"),
        entry("r3", 2 * 86_400 + 1.0, 1),
    ]
    days = summary(documents, ["1970-01-01", "1970-01-02", "1970-01-03"])
    assert days == [
        {
            "startTime": "1970-01-01",
            "spend": 0.3,
            "users": {"u": 0.3},
            "models": {"m": 0.1, "n": 0.2},
            "k": 0.1,
            "other": 0.2,
        },
        {"startTime": "1970-01-02", "spend": 0.0, "users": {}, "models": {}},
        {"startTime": "1970-01-03", "spend": 1e-09, "users": {"u": 1e-09}, "models": {"m": 1e-09}, "k": 1e-09},
    ]
