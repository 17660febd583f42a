"""Whole requests and answers: every place is looked at, and what need not change does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.domain.documents import check_document
from services.guardrails.domain.guardrail import Blocked
from services.guardrails.domain.places import Shape
from services.guardrails.domain.reading import Unreadable
from services.guardrails.domain.shapes import ANSWERS, REQUESTS
from tests.unit.guardrails.making import banned, masking

BOMB = "a bomb"
NAME = "bomb"

OPENAI_REQUESTS: list[dict[str, Any]] = [
    {"messages": [{"role": "system", "content": BOMB}]},
    {"messages": [{"role": "developer", "content": [{"type": "text", "text": BOMB}]}]},
    {"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": BOMB}]},
    {"messages": [{"role": "user", "content": [{"type": "file", "file": {"filename": BOMB, "file_data": "x"}}]}]},
    {"messages": [{"role": "user", "name": BOMB, "content": "x"}]},
    {"messages": [{"role": "assistant", "content": None, "refusal": BOMB}]},
    {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": BOMB}]}]},
    {"messages": [{"role": "assistant", "content": "", "reasoning_content": BOMB}]},
    {"messages": [{"role": "assistant", "content": "", "reasoning_details": [{"type": "t", "summary": BOMB}]}]},
    {
        "messages": [
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"q":"\\u0062omb"}'}}]}
        ]
    },
    {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "bomb no json"}}]}]},
    {"messages": [{"role": "assistant", "tool_calls": [{"custom": {"name": "f", "input": BOMB}}]}]},
    {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": '{"bomb":1}'}}]},
    {"messages": [{"role": "tool", "tool_call_id": "c", "content": BOMB}]},
    {"tools": [{"type": "function", "function": {"name": "f", "description": BOMB}}]},
    {"tools": [{"function": {"name": "f", "parameters": {"properties": {"p": {"description": BOMB}}}}}]},
    {"tools": [{"function": {"name": "f", "parameters": {"properties": {"bomb": {}}}}}]},
    {"tools": [{"type": "custom", "custom": {"name": "f", "description": BOMB}}]},
    {"functions": [{"name": "f", "description": BOMB}]},
    {"response_format": {"json_schema": {"name": "n", "schema": {"description": BOMB}}}},
    {"prediction": {"type": "content", "content": BOMB}},
]

ANTHROPIC_REQUESTS: list[dict[str, Any]] = [
    {"system": BOMB},
    {"system": [{"type": "text", "text": BOMB, "cache_control": {"type": "ephemeral"}}]},
    {"messages": [{"role": "user", "content": BOMB}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": BOMB}]}]},
    {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": BOMB, "signature": "s"}]}]},
    {
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"a": [{"b": BOMB}]}}]}
        ]
    },
    {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"bomb": 1}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": BOMB}]}]},
    {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": BOMB}]}]}]},
    {"messages": [{"role": "user", "content": [{"type": "document", "title": BOMB, "source": {"type": "url"}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": BOMB}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "content", "content": BOMB}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "search_result", "source": BOMB, "content": []}]}]},
    {
        "messages": [
            {"role": "assistant", "content": [{"type": "text", "text": "", "citations": [{"cited_text": BOMB}]}]}
        ]
    },
    {"tools": [{"name": "f", "description": BOMB, "input_schema": {}}]},
    {"tools": [{"name": "f", "input_schema": {"properties": {"p": {"enum": [BOMB]}}}}]},
]

OPENAI_ANSWERS: list[dict[str, Any]] = [
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}, {"message": {"content": BOMB}}]},
    {"choices": [{"message": {"content": [{"type": "text", "text": BOMB}]}}]},
    {"choices": [{"message": {"content": None, "reasoning_content": BOMB}}]},
    {"choices": [{"message": {"content": None, "refusal": BOMB}}]},
    {"choices": [{"message": {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"q":"a bomb"}'}}]}}]},
    {"choices": [{"message": {"audio": {"id": "a", "data": "x", "transcript": BOMB}}}]},
    {"choices": [{"message": {"content": "", "something_new": {"deep": [BOMB]}}}]},
]

ANTHROPIC_ANSWERS: list[dict[str, Any]] = [
    {"content": [{"type": "text", "text": "x"}, {"type": "text", "text": BOMB}]},
    {"content": [{"type": "thinking", "thinking": BOMB, "signature": "s"}]},
    {"content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"q": BOMB}}]},
    {"content": [{"type": "web_search_tool_result", "content": [{"title": BOMB, "url": "u"}]}]},
    {"content": [{"type": "bash_code_execution_tool_result", "content": {"stdout": BOMB}}]},
]

PLACES: list[tuple[Shape, dict[str, Any]]] = [
    *[(REQUESTS["openai"], document) for document in OPENAI_REQUESTS],
    *[(REQUESTS["anthropic"], document) for document in ANTHROPIC_REQUESTS],
    *[(ANSWERS["openai"], document) for document in OPENAI_ANSWERS],
    *[(ANSWERS["anthropic"], document) for document in ANTHROPIC_ANSWERS],
]


@pytest.mark.parametrize(("shape", "document"), PLACES)
def test_a_banned_word_is_found_wherever_a_model_reads_or_writes(shape: Shape, document: dict[str, Any]) -> None:
    """Each of these places is looked at."""
    with pytest.raises(Blocked) as verdict:
        check_document(json.dumps(document).encode(), shape, [banned("bomb", message="No.")])
    assert verdict.value.message == "Blocked by guardrail 'words': No."
    assert verdict.value.to_body().status == 400
    assert verdict.value.to_body().code == "content_blocked"


@pytest.mark.parametrize(("shape", "document"), PLACES)
def test_a_mask_changes_that_place_and_nothing_else(shape: Shape, document: dict[str, Any]) -> None:
    """The document stays, but for the word."""
    body = json.dumps(document | {"x": 1.50, "y": "bomb"}, indent=1).encode()
    checked = check_document(body, shape, [masking("(?i)bomb", replacement="b**b")])
    expected = document
    written = json.dumps(expected).replace("bomb", "b**b").replace("\\\\u0062omb", "b**b")
    if "no json" not in written:
        assert json.loads(checked) == json.loads(written) | {"x": 1.50, "y": "bomb"}
    assert b'"x": 1.5,\n "y": "bomb"' in checked
    assert b"b**b" in checked


@pytest.mark.parametrize(
    ("shape", "document"),
    [
        (REQUESTS["openai"], {"model": NAME, "user": NAME, "metadata": {"a": BOMB}, "messages": []}),
        (REQUESTS["openai"], {"messages": [{"role": NAME, "tool_call_id": NAME, "content": ""}]}),
        (
            REQUESTS["openai"],
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": BOMB}}]}]},
        ),
        (
            REQUESTS["anthropic"],
            {"messages": [{"content": [{"type": "image", "source": {"type": "base64", "data": NAME}}]}]},
        ),
        (ANSWERS["anthropic"], {"content": [{"type": "thinking", "thinking": "", "signature": NAME}]}),
    ],
)
def test_what_no_model_reads_is_not_looked_at(shape: Shape, document: dict[str, Any]) -> None:
    """Model names, ids, addresses, encoded data and signatures are no text."""
    body = json.dumps(document).encode()
    assert check_document(body, shape, [banned("bomb"), masking("bomb")]) is body


def test_a_tools_name_may_block_but_is_never_rewritten() -> None:
    """The caller's program calls the tool by that name."""
    body = json.dumps({"tools": [{"function": {"name": "bomb"}}]}).encode()
    assert check_document(body, REQUESTS["openai"], [masking("bomb")]) == body
    with pytest.raises(Blocked):
        check_document(body, REQUESTS["openai"], [banned("bomb")])


def test_a_number_that_is_masked_becomes_a_string() -> None:
    """Tool arguments stay JSON."""
    call = {"function": {"name": "f", "arguments": '{"phone": 15551234567, "n": 1.50}'}}
    body = json.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]}).encode()
    checked = json.loads(check_document(body, REQUESTS["openai"], [masking(r"\b\d{11}\b")]))
    arguments = checked["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert arguments == '{"phone": "[masked]", "n": 1.50}'


@given(st.text(max_size=30), st.text(max_size=30), st.booleans())
def test_masking_keeps_the_rest_exact(before: str, after: str, ascii: bool) -> None:
    """Numbers as they were written, unknown fields, spaces and order stay; only the matched text goes."""
    text = json.dumps(f"{before}SECRET-12{after}", ensure_ascii=ascii)
    body = f'{{"temperature" : 0.10, "big":123456789012345678901e5,"messages":[{{"content":{text}}}],"new":{{"a":[]}}}}'
    checked = check_document(body.encode("utf-8", "surrogatepass"), REQUESTS["openai"], [masking(r"SECRET-\d\d")])
    head, tail = body.split(text)
    written = checked.decode()
    assert written.startswith(head)
    assert written.endswith(tail)
    assert json.loads(written)["messages"][0]["content"] == f"{before}[masked]{after}"


@given(st.binary(max_size=50))
def test_what_is_no_json_does_not_pass(body: bytes) -> None:
    """A body that cannot be read was not checked."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        with pytest.raises(Unreadable):
            check_document(body, ANSWERS["openai"], [banned("bomb")])


def test_numbers_that_no_float_holds_and_half_characters_are_read_over() -> None:
    """What json allows is checked, and passes as it is."""
    body = b'{"seed": 1e999, "messages": [{"content": "\\ud83d bom"}]}'
    assert check_document(body, REQUESTS["openai"], [banned("bomb")]) is body
    with pytest.raises(Blocked):
        check_document(body.replace(b"bom", b"bomb"), REQUESTS["openai"], [banned("bomb")])


def test_token_probabilities_go_where_their_text_was_rewritten() -> None:
    """They would say it again; those of a choice that passes stay."""
    choices = [{"message": {"content": text}, "logprobs": {"content": [{"token": text}]}} for text in ("SECRET", "x")]
    checked = check_document(json.dumps({"choices": choices}).encode(), ANSWERS["openai"], [masking("SECRET")])
    assert json.loads(checked)["choices"] == [{"message": {"content": "[masked]"}, "logprobs": None}, choices[1]]


def test_an_answer_in_another_encoding_does_not_pass() -> None:
    """JSON is UTF-8; what a lenient reader might take for it is not looked at, so it is refused."""
    with pytest.raises(Unreadable):
        check_document('{"choices": []}'.encode("utf-16"), ANSWERS["openai"], [banned("bomb")])
