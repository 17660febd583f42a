"""Whether a body is a request at all."""

import json
from typing import Any

import pytest

from services.edge.domain.bodies import BodyFacts, read_chat_body
from shared.errors import InvalidRequest

HELLO = [{"role": "user", "content": "Hello"}]


def test_facts_of_a_request() -> None:
    """Model and stream are what the stages need to know."""
    body = json.dumps({"model": "m", "messages": HELLO, "stream": True}).encode()
    assert read_chat_body(body, "openai") == BodyFacts("m", True)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], param: str) -> None:
    """The error names the field that is to blame."""
    body = json.dumps({"model": "m", "messages": HELLO} | change).encode()
    with pytest.raises(InvalidRequest) as refused:
        read_chat_body(body, "openai")
    assert refused.value.param == param


@pytest.mark.parametrize("tokens", [None, 0, -1, 1.5, True, "9"])
def test_anthropics_max_tokens_is_needed(tokens: Any) -> None:
    """As Anthropic demands it."""
    body = json.dumps({"model": "m", "messages": HELLO, "max_tokens": tokens}).encode()
    with pytest.raises(InvalidRequest) as refused:
        read_chat_body(body, "anthropic")
    assert refused.value.param == "max_tokens"


def test_a_models_name_has_a_bound() -> None:
    """It travels beside the body in every message, which may be no larger than the broker takes."""
    body = json.dumps({"model": "m" * 513, "messages": HELLO}).encode()
    with pytest.raises(InvalidRequest) as caught:
        read_chat_body(body, "openai")
    assert caught.value.param == "model"
