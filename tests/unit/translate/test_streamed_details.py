from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BrokenStream
from shared.pricing.usage import Usage
from tests.unit.translate.streams import anthropic_stream, deltas_of, events_of, openai_stream, read, reader_for


def as_anthropic(*chunks: Any) -> list[Any]:
    """Return the events of Anthropic's dialect for chunks of OpenAI's."""
    return events_of(read(reader_for("anthropic", "openai"), openai_stream(*chunks, b"[DONE]")))


def blocks_of(events: list[Any]) -> list[dict[str, Any]]:
    """Return the content blocks that events make; checks that they are numbered, opened and closed one by one."""
    blocks: list[dict[str, Any]] = []
    is_open = False
    for event in events:
        if event["type"] == "content_block_start":
            assert (is_open, event["index"]) == (False, len(blocks))
            blocks.append({**event["content_block"], "json": ""})
            is_open = True
        elif event["type"] == "content_block_delta":
            assert (is_open, event["index"]) == (True, len(blocks) - 1)
            delta = event["delta"]
            field = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "json"}[delta["type"]]
            blocks[-1][field] += delta.get("partial_json", delta.get(field))
        elif event["type"] == "content_block_stop":
            assert (is_open, event["index"]) == (True, len(blocks) - 1)
            is_open = False
    assert not is_open
    return blocks


def call(index: int | None, arguments: str = "", call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    """Return a piece of a call as OpenAI streams it."""
    piece: dict[str, Any] = {"function": {"arguments": arguments}}
    if index is not None:
        piece["index"] = index
    if call_id:
        piece["id"] = call_id
    if name:
        piece["function"]["name"] = name
    return piece


PIECES = st.lists(st.tuples(st.integers(0, 2), st.text(min_size=1, max_size=4)), max_size=20)


@given(PIECES)
def test_calls_whose_pieces_alternate(pieces: list[tuple[int, str]]) -> None:
    """However the pieces of parallel calls alternate, each call's arguments arrive whole and in order."""
    starts = [call(index, "", f"id{index}", f"f{index}") for index in range(3)]
    chunks = [{"tool_calls": [start]} for start in starts]
    chunks += [{"tool_calls": [call(index, text)]} for index, text in pieces]
    blocks = blocks_of(as_anthropic(*chunks))
    expected = ["".join(text for at, text in pieces if at == index) for index in range(3)]
    assert [(block["id"], block["name"], block["json"]) for block in blocks] == [
        (f"id{index}", f"f{index}", expected[index]) for index in range(3)
    ]


def test_the_first_call_streams() -> None:
    """Pieces of the first call go out as they come."""
    reader = reader_for("anthropic", "openai")
    reader.feed(openai_stream({"tool_calls": [call(0, "", "a", "f")]}))
    out = reader.feed(openai_stream({"tool_calls": [call(0, '{"x"')]}))
    assert events_of(out)[0]["delta"] == {"type": "input_json_delta", "partial_json": '{"x"'}


def test_servers_that_do_not_number_their_calls() -> None:
    """A new id is a new call, with no index at all or with 0 on each."""
    for index in (None, 0):
        chunks = [{"tool_calls": [call(index, f'{{"n":{n}}}', f"id{n}", "f")]} for n in range(3)]
        blocks = blocks_of(as_anthropic(*chunks))
        assert [(block["id"], block["json"]) for block in blocks] == [(f"id{n}", f'{{"n":{n}}}') for n in range(3)]


def test_a_call_without_an_id_gets_one() -> None:
    """Anthropic's clients need an id to answer to."""
    blocks = blocks_of(
        as_anthropic({"tool_calls": [call(0, "{}", None, "f")]}, {"tool_calls": [call(1, "{}", None, "f")]})
    )
    assert [block["id"] for block in blocks] == ["toolu_msg_c1_0", "toolu_msg_c1_1"]


def test_reasoning_text_and_calls_in_any_order() -> None:
    """Blocks follow what comes; text that comes after a call follows all calls."""
    events = as_anthropic(
        {"role": "assistant", "content": ""},
        {"reasoning": "Hm. "},
        {"reasoning_content": "So."},
        {"content": "Let me"},
        {"content": " see."},
        {"tool_calls": [call(0, "{}", "a", "f")]},
        {"content": "Later."},
        {"tool_calls": [call(1, "{}", "b", "g")]},
    )
    blocks = blocks_of(events)
    assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use", "tool_use", "text"]
    assert (blocks[0]["thinking"], blocks[1]["text"], blocks[4]["text"]) == ("Hm. So.", "Let me see.", "Later.")
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]


@pytest.mark.parametrize(
    ("delta", "finish", "expected"),
    [
        ({"content": "x"}, "stop", "end_turn"),
        ({"content": "x"}, "length", "max_tokens"),
        ({"content": "x"}, "content_filter", "refusal"),
        ({"refusal": "No."}, "stop", "refusal"),
        ({"tool_calls": [call(0, "{}", "a", "f")]}, "tool_calls", "tool_use"),
        ({"tool_calls": [call(0, "{}", "a", "f")]}, "stop", "tool_use"),
        ({"content": "x"}, None, "end_turn"),
        ({"content": "x"}, "odd", "end_turn"),
    ],
)
def test_stop_reasons(delta: dict[str, Any], finish: str | None, expected: str) -> None:
    """Clients of Anthropic act on the stop reason, so it tells of calls and refusals that `stop` hides."""
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    ended = as_anthropic(delta, last)[-2]
    assert ended["delta"] == {"stop_reason": expected, "stop_sequence": None}


def test_usage_stands_before_the_end() -> None:
    """OpenAI's last chunk of figures is in Anthropic's message_delta; the start has zeros."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    usage["completion_tokens_details"] = {"reasoning_tokens": 2}
    events = as_anthropic({"content": "x"}, {"choices": [], "usage": usage})
    assert events[0]["message"]["usage"]["input_tokens"] == 0
    assert events[-2]["usage"] == {
        "input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4,
        "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2},
    }  # fmt: skip


def test_other_choices_are_left_out() -> None:
    """Anthropic's answers are one; a server that sends more is read as one."""
    other = {"choices": [{"index": 1, "delta": {"content": "other"}}]}
    assert [block["text"] for block in blocks_of(as_anthropic({"content": "one"}, other))] == ["one"]


def start(**usage: int) -> dict[str, Any]:
    """Return the event that starts a message."""
    return {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "content": [], "usage": usage}}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of one block."""
    opened = {"type": "content_block_start", "index": index, "content_block": content}
    pieces = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [opened, *pieces, {"type": "content_block_stop", "index": index}]


END = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


def as_openai(*events: dict[str, Any], with_usage: bool = False) -> bytes:
    """Return OpenAI's chunks for Anthropic's events."""
    reader = reader_for("openai", "anthropic", with_usage=with_usage)
    return read(reader, anthropic_stream(start(input_tokens=7), *events, *END))


def test_head_of_each_chunk() -> None:
    """Every chunk has the answer's id, the model that answered and the time that was given."""
    heads = [(c["id"], c["object"], c["created"], c["model"]) for c in events_of(as_openai())]
    assert set(heads) == {("chatcmpl-1", "chat.completion.chunk", 7, "claude")}


def test_thinking_comes_as_reasoning_and_once_signed() -> None:
    """Reasoning streams; each block follows once whole, with its signature, to be sent back."""
    thinking = block(
        0, {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm. "}, {"type": "thinking_delta", "thinking": "So."},
        {"type": "signature_delta", "signature": "sig"},
    )  # fmt: skip
    deltas = deltas_of(as_openai(*thinking, *block(1, {"type": "redacted_thinking", "data": "d"})))
    assert [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta] == ["Hm. ", "So."]
    assert [delta["thinking_blocks"] for delta in deltas if "thinking_blocks" in delta] == [
        [{"index": 0, "type": "thinking", "thinking": "Hm. So.", "signature": "sig"}],
        [{"index": 1, "type": "redacted_thinking", "data": "d"}],
    ]


@pytest.mark.parametrize(
    ("given_input", "deltas", "expected"),
    [
        ({}, [""], "{}"),
        ({}, [], "{}"),
        ({"x": 1}, [], '{"x":1}'),
        ({}, ['{"x"', ":", "1}"], '{"x":1}'),
        ({}, ['{"cut'], '{"cut'),
    ],
)
def test_arguments_are_the_bytes_that_came(given_input: Any, deltas: list[str], expected: str) -> None:
    """Arguments are never parsed; a call without any has an empty object, as OpenAI's clients expect JSON."""
    content = {"type": "tool_use", "id": "t", "name": "f", "input": given_input}
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in deltas]
    calls = [
        delta["tool_calls"][0] for delta in deltas_of(as_openai(*block(0, content, *pieces))) if "tool_calls" in delta
    ]
    assert (calls[0]["id"], calls[0]["function"]["name"], calls[0]["index"]) == ("t", "f", 0)
    assert "".join(call["function"]["arguments"] for call in calls) == expected


def test_blocks_that_openai_has_no_form_for() -> None:
    """Calls that the provider made itself, citations and pings are left out; text that starts full is not."""
    out = as_openai(
        {"type": "ping"},
        *block(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        *block(1, {"type": "text", "text": "So"}, {"type": "citations_delta"}, {"type": "text_delta", "text": "!"}),
    )
    assert [delta.get("content") for delta in deltas_of(out)] == ["", "So", "!", None]


def test_usage_chunk_for_those_who_asked() -> None:
    """A client that asked gets null on every chunk and the figures on a last one without choices."""
    asked, not_asked = events_of(as_openai(with_usage=True)), events_of(as_openai())
    assert (asked[-1]["choices"], asked[-1]["usage"]["total_tokens"]) == ([], 10)
    assert {chunk["usage"] for chunk in asked[:-1]} == {None}
    assert all("usage" not in chunk for chunk in not_asked)


def test_usage_that_is_repeated_as_zero() -> None:
    """A message_delta that says 0 input takes nothing back."""
    reader = reader_for("openai", "anthropic")
    ended = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 0, "output_tokens": 3},
    }
    read(reader, anthropic_stream(start(input_tokens=7), ended, {"type": "message_stop"}))
    assert reader.usage == Usage(input=7, output=3)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
        ("refusal", "content_filter"), ("pause_turn", "stop"), ("odd", "stop"),
        ("model_context_window_exceeded", "length"),
    ],
)  # fmt: skip
def test_finish_reasons(reason: str, expected: str) -> None:
    """Every stop reason has a finish reason."""
    ended = {"type": "message_delta", "delta": {"stop_reason": reason}}
    out = read(reader_for("openai", "anthropic"), anthropic_stream(start(), ended, {"type": "message_stop"}))
    assert [c["choices"][0]["finish_reason"] for c in events_of(out) if c["choices"]][-1] == expected


def test_content_before_the_start_is_broken() -> None:
    """A stream without its head is no stream."""
    with pytest.raises(BrokenStream):
        read(reader_for("openai", "anthropic"), anthropic_stream(*block(0, {"type": "text", "text": "x"}), *END))


def test_text_gathers_all_that_was_written() -> None:
    """The estimate's text is reasoning, words, names and arguments."""
    reader = reader_for("openai", "anthropic")
    events = [
        *block(0, {"type": "thinking"}, {"type": "thinking_delta", "thinking": "Hm."}),
        *block(1, {"type": "text"}, {"type": "text_delta", "text": "Yes."}),
        *block(2, {"type": "tool_use", "name": "f"}, {"type": "input_json_delta", "partial_json": "{}"}),
    ]
    read(reader, anthropic_stream(start(), *events, *END))
    assert reader.text == "Hm.Yes.f{}"
    assert msgspec.json.encode(reader.text)
