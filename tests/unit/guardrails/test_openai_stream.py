"""Streamed chat completions, cut anywhere."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.domain.answer_stream import AnswerStream
from services.guardrails.domain.guardrail import Blocked
from services.guardrails.domain.json_text import rewrite_json
from services.guardrails.domain.reading import Unreadable
from tests.unit.guardrails.making import (
    banned,
    cuts,
    masking,
    openai_arguments,
    openai_events,
    openai_text,
    streamed,
)

PIECES = st.lists(st.sampled_from(["SEC", "RET", "S", "ECRET", "hello ", "é", "😀", "bo", "mb", " "]), max_size=10)
FIELDS = st.sampled_from(["content", "reasoning_content", "refusal"])


@given(st.lists(st.tuples(st.integers(0, 2), FIELDS, PIECES), max_size=5), st.data())
def test_no_cut_lets_a_match_through_or_loses_anything(parts: Any, data: st.DataObject) -> None:
    """Each field of each choice comes out as its whole text, masked; ends, usage and `[DONE]` stay last."""
    deltas = [{"choice": choice, field: piece} for choice, field, pieces in parts for piece in pieces]
    whole = b"".join(openai_events(deltas))
    events = streamed("openai", [masking("SECRET", replacement="#")], data.draw(cuts(whole)))
    for choice in range(3):
        for field in ("content", "reasoning_content", "refusal"):
            text = "".join(delta.get(field, "") for delta in deltas if delta["choice"] == choice)
            assert openai_text(events, field, choice) == text.replace("SECRET", "#")
    assert events[-1] == {}
    assert events[-2]["usage"] == {"total_tokens": 7}
    text_of_0 = [bool(event["choices"][0]["delta"]) for event in events[:-2] if event["choices"][0]["index"] == 0]
    assert text_of_0[-1] is False


@given(PIECES, st.data())
def test_a_banned_word_ends_the_stream_before_it_came_out(pieces: list[str], data: st.DataObject) -> None:
    """Whatever the pieces, the word is not in what went out, and a text without it passes."""
    whole = b"".join(openai_events([{"content": piece} for piece in pieces]))
    guardrail = banned("bomb", "hello bo")
    stream, out = AnswerStream("openai", [guardrail]), b""
    holds = guardrail.judge("".join(pieces)) != ()
    try:
        for piece in data.draw(cuts(whole)):
            out += stream.feed(piece)
        out += stream.finish()
    except Blocked:
        assert holds
        events = [json.loads(line[6:]) for line in out.split(b"\n") if line.startswith(b"data: {")]
        assert guardrail.judge(openai_text(events), more=True) == ()
    else:
        assert not holds


def test_tool_arguments_are_masked_and_stay_in_order() -> None:
    """Arguments in pieces come out whole, by what they say, under the call they belong to."""
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "let me SEC"},
        {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]},
        *[{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in '{"q":"a SECRET\\n"}'],
    ]
    events = streamed("openai", [masking("SECRET", replacement="#")], openai_events(deltas))
    assert openai_arguments(events) == '{"q":"a #\\n"}'
    assert openai_text(events) == "let me SEC"
    assert events[-3]["choices"][0]["finish_reason"] == "stop"


def test_legacy_function_calls_and_custom_tools_are_checked() -> None:
    """Both other ways to call are looked at, too."""
    legacy = [{"function_call": {"name": "f", "arguments": '{"a":"SE'}}, {"function_call": {"arguments": 'CRET"}'}}]
    custom = [{"tool_calls": [{"index": 1, "custom": {"input": piece}}]} for piece in ("SEC", "RET")]
    events = streamed("openai", [masking("SECRET", replacement="#")], openai_events([*legacy, *custom]))
    joined = json.dumps(events)
    assert "SEC" not in joined
    assert "RET" not in joined
    assert joined.count("#") == 2


def test_events_that_need_no_change_keep_their_bytes() -> None:
    """Roles, ends and usage pass as they came, numbers included."""
    events = openai_events([{"role": "assistant", "content": ""}])
    stream = AnswerStream("openai", [banned("bomb")])
    assert stream.feed(b"".join(events)) + stream.finish() == b"".join(events)


def test_what_is_rewritten_keeps_its_numbers_and_unknown_fields() -> None:
    """Only the text differs."""
    chunk = b'{"created":1.50,"x":{"y":[1e2]},"choices":[{"delta":{"content":"a long text"},"index":0,"z":0.10}]}'
    stream = AnswerStream("openai", [masking("long", replacement="#")])
    assert stream.feed(b"data: " + chunk + b"\n\n") == b"data: " + chunk.replace(b"long text", b"# ") + b"\n\n"
    assert stream.finish() == (
        b'data: {"created":1.50,"x":{"y":[1e2]},'
        b'"choices":[{"index":0,"delta":{"content":"text"},"finish_reason":null}]}\n\n'
    )


def test_token_probabilities_do_not_tell_ahead() -> None:
    """They repeat the text, so a checked stream has none."""
    probabilities = {"content": [{"token": "SECRET", "logprob": -0.1}]}
    chunk = {"choices": [{"index": 0, "delta": {"content": "SECRET"}, "logprobs": probabilities}]}
    stream = AnswerStream("openai", [masking("SECRET")])
    out = stream.feed(b"data: %b\n\n" % json.dumps(chunk).encode()) + stream.finish()
    assert b"SECRET" not in out


def test_fields_that_nobody_knows_yet_are_looked_at() -> None:
    """New providers, new names: text in any field of a delta is checked."""
    with pytest.raises(Blocked):
        streamed("openai", [banned("bomb")], openai_events([{"inner_voice": "a bo"}, {"inner_voice": "mb "}]))
    with pytest.raises(Blocked):
        streamed("openai", [banned("bomb")], openai_events([{"details": [{"text": "a bomb"}]}]))


@pytest.mark.parametrize("data", [b"hello", b'{"choices":5}', b'{"choices":[{"index":"a","delta":{}}]}', b"\xff"])
def test_what_cannot_be_read_does_not_pass(data: bytes) -> None:
    """An event that cannot be checked ends the stream."""
    with pytest.raises(Unreadable):
        AnswerStream("openai", [banned("bomb")]).feed(b"data: " + data + b"\n\n")


def test_a_stream_without_its_end_still_says_all() -> None:
    """What was held comes out when the bytes end."""
    events = openai_events([{"content": "a short text"}])[:1]
    assert openai_text(streamed("openai", [masking("x{30}")], events)) == "a short text"


@given(st.lists(st.sampled_from(["SEC", "RET", "x", '{"a":"', '"}']), min_size=1, max_size=6))
def test_a_last_chunk_with_text_says_all_of_it(pieces: list[str]) -> None:
    """The end may come with the last of the text and of the arguments."""
    deltas = [{"content": piece, "tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    written = [b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks]
    events = streamed("openai", [masking("SECRET", replacement="#")], written)
    text = "".join(pieces)
    assert openai_text(events) == text.replace("SECRET", "#")
    if text.count('"') % 4 == 0:
        assert openai_arguments(events) == rewrite_json(text, [masking("SECRET", replacement="#")])
    assert "SECRET" not in openai_arguments(events)
    assert [event["choices"][0]["finish_reason"] for event in events][-1] == "stop"
