"""What `/spend/calculate` is asked, and how activity is counted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.count_shapes import Counts
from services.admin.domain.spend_question import read_question
from shared.errors import InvalidRequest


def test_an_answer_counts_before_messages() -> None:
    """Its model is taken where the body names none, and its usage in its own dialect."""
    openai = {"model": "m", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    question = read_question({"messages": [{"role": "user", "content": "Hello"}], "completion_response": openai})
    assert question.usage is not None
    assert (question.model, question.usage.input, question.usage.output) == ("m", 10, 5)
    assert question.used("m") == question.usage
    message = {"type": "message", "usage": {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 100}}
    usage = read_question({"model": "c", "completion_response": message}).usage
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.output) == (7, 100, 3)


def test_messages_are_counted_as_the_model_reads_them() -> None:
    """By our own count, which says so."""
    used = read_question({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}).used("gpt-4o")
    assert (used.estimated, used.input > 0, used.output) == (True, True, 0)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "model"),
        ({"model": 7, "messages": []}, "model"),
        ({"model": "m", "messages": "Hello"}, "messages"),
        ({"model": "m", "completion_response": "x"}, "completion_response"),
        ({"model": "m", "completion_response": {"usage": {"prompt_tokens": -1}}}, "completion_response"),
        ({"model": "m", "completion_response": {"usage": 5}}, "completion_response"),
        ({"model": "m", "messages": [], "max_tokens": 5}, "max_tokens"),
    ],
)
def test_what_cannot_be_priced_names_the_field(body: dict[str, Any], param: str) -> None:
    """Whatever was sent."""
    with pytest.raises(InvalidRequest) as refused:
        read_question(body)
    assert refused.value.param == param


@given(st.lists(st.tuples(st.dates(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))))
def test_days_add_up_to_their_sums(rows: list[tuple[Any, int, int, int]]) -> None:
    """Each day is there once, in the order of time, whatever the order of the rows."""
    counts = Counts()
    for day, requests, prompt, answer in rows:
        amounts = {"requests": requests, "prompt_tokens": prompt, "completion_tokens": answer}
        counts.add(day.isoformat(), amounts)
    shape = counts.shape
    assert [item["date"] for item in shape["daily_data"]] == [
        day.strftime("%b %d") for day in sorted({day for day, *_ in rows})
    ]
    assert shape["sum_api_requests"] == counts.requests == sum(item["api_requests"] for item in shape["daily_data"])
    assert shape["sum_total_tokens"] == sum(prompt + answer for _, _, prompt, answer in rows)
