"""Streamed messages, cut anywhere."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.domain.answer_stream import AnswerStream
from services.guardrails.domain.guardrail import Blocked
from services.guardrails.domain.reading import Unreadable
from tests.unit.guardrails.making import anthropic_events, anthropic_text, banned, cuts, masking, streamed

PIECES = st.lists(st.sampled_from(["SEC", "RET", "S", "ECRET", "hello ", "é", "😀", " "]), max_size=10)
BLOCKS = st.lists(st.tuples(st.sampled_from(["text", "thinking"]), PIECES), max_size=4)


@given(BLOCKS, st.data())
def test_no_cut_lets_a_match_through_or_loses_anything(blocks: Any, data: st.DataObject) -> None:
    """Each block comes out as its whole text, masked, before its own end."""
    whole = b"".join(anthropic_events(blocks))
    events = streamed("anthropic", [masking("SECRET", replacement="#")], data.draw(cuts(whole)))
    for index, (_, pieces) in enumerate(blocks):
        assert anthropic_text(events, index) == "".join(pieces).replace("SECRET", "#")
        of_block = [event["type"] for event in events if event.get("index") == index]
        assert (of_block[0], of_block[-1]) == ("content_block_start", "content_block_stop")
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]


def test_tool_input_is_masked_by_what_it_says() -> None:
    """Pieces of JSON come out as JSON."""
    blocks = [("tool_use", list('{"q":"a \\u0053ECRET\\n","n":1.50}'))]
    events = streamed("anthropic", [masking("SECRET", replacement="#")], anthropic_events(blocks))
    assert anthropic_text(events, 0) == '{"q":"a #\\n","n":1.50}'


def test_a_banned_word_ends_the_stream_before_it_came_out() -> None:
    """The word is split over deltas, and neither half of it went out."""
    stream = AnswerStream("anthropic", [banned("bomb")])
    *before, _, last, _, _, _ = events = anthropic_events([("text", ["how to build a bo", "mb", " at home"])])
    out = b"".join([stream.feed(event) for event in events[: len(before) + 1]])
    assert b"how to" in out
    assert b"bo" not in out
    with pytest.raises(Blocked):
        stream.feed(last)


def test_events_that_need_no_change_keep_their_bytes() -> None:
    """Starts, stops, pings and usage pass as they came."""
    events = [*anthropic_events([("tool_use", ["{}"])]), b'event: ping\ndata: {"type": "ping"}\n\n']
    stream = AnswerStream("anthropic", [banned("bomb")])
    assert stream.feed(b"".join(events)) + stream.finish() == b"".join(events)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a bomb "}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "bomb"}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "web_search_tool_result", "content": [{"title": "a bomb"}]},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "citations_delta", "citation": {"cited_text": "a bomb"}},
        },
        {"type": "message_start", "message": {"content": [{"type": "text", "text": "a bomb"}]}},
    ],
)
def test_text_outside_of_deltas_is_looked_at(event: dict[str, Any]) -> None:
    """Blocks that come whole, names and citations are checked."""
    with pytest.raises(Blocked):
        streamed("anthropic", [banned("bomb")], [b"data: %b\n\n" % json.dumps(event).encode()])


def test_a_signature_stays_as_it_is() -> None:
    """It is no text."""
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "bomb"}}
    assert streamed("anthropic", [banned("bomb")], [b"data: %b\n\n" % json.dumps(event).encode()]) == [event]


def test_what_cannot_be_read_does_not_pass() -> None:
    """An event that cannot be checked ends the stream."""
    with pytest.raises(Unreadable):
        AnswerStream("anthropic", [banned("bomb")]).feed(b"event: x\ndata: hello\n\n")
