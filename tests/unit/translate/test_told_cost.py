"""What a stream cost is told in its last usage, and nothing else of it changes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.translate.registry import TRANSLATORS
from services.router.translate.usage_event import with_cost
from shared.errors import Dialect
from tests.unit.translate.streams import anthropic_stream, demo_stream, events_of, openai_stream, read, reader_for

ROUTES = sorted(TRANSLATORS)
COST = 6.9e-05
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text() | st.sampled_from(["usage", "cost"]), VALUES, max_size=4)


def usages_of(stream: bytes) -> list[Any]:
    """Return the usage of every event that has one at its top."""
    return [event["usage"] for event in events_of(stream) if event.get("usage") is not None]


@pytest.mark.parametrize(("client", "provider"), ROUTES)
@pytest.mark.parametrize("model", ["demo;cached=4", "demo;tools=2;reasoning=3"])
def test_the_last_usage_tells_the_cost(client: Dialect, provider: Dialect, model: str) -> None:
    """It is the one thing that the price adds to a stream, on every route."""
    stream = demo_stream(provider, model)
    priced = read(reader_for(client, provider), stream, cost=COST)
    plain = read(reader_for(client, provider), stream)
    [*before, last] = usages_of(priced)
    assert last.pop("cost") == COST
    assert [*before, last] == usages_of(plain)
    assert len(priced) == len(plain) + len(b',"cost":0.000069')


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_who_did_not_ask_for_usage_sees_no_cost(provider: Dialect) -> None:
    """In OpenAI's dialect the usage is asked for."""
    stream = demo_stream(provider, "demo")
    assert b'"cost":' not in read(reader_for("openai", provider, with_usage=False), stream, cost=COST)


def test_the_last_of_several_usages_tells_it() -> None:
    """Servers that report as they go are not told twice; the chunk that says why the answer ended may be the last."""
    running = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}}], "usage": USAGE}
    ended = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
    reader = reader_for("openai", "openai")
    out = read(reader, openai_stream(running, ended, running, ended, b"[DONE]"), cost=COST)
    assert usages_of(out) == [USAGE, USAGE, USAGE, {**USAGE, "cost": COST}]


def test_what_follows_the_usage_comes_after_it() -> None:
    """A usage after which more is said is given out untouched, so that the order of events stays."""
    last = {"id": "c", "choices": [], "usage": USAGE}
    stream = openai_stream({"content": "a"}, last, {"id": "c", "choices": [], "new": 1}, b"[DONE]")
    assert read(reader_for("openai", "openai"), stream, cost=COST) == stream


def test_a_ping_after_the_usage_changes_nothing() -> None:
    """It only keeps a connection alive."""
    events = [
        {"type": "message_start", "message": {"id": "m", "content": []}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "ping"},
        {"type": "message_stop"},
    ]
    out = read(reader_for("anthropic", "anthropic"), anthropic_stream(*events), cost=COST)
    assert usages_of(out) == [{"output_tokens": 2, "cost": COST}]
    assert [event["type"] for event in events_of(out)] == ["message_start", "ping", "message_delta", "message_stop"]


def test_data_on_several_lines_is_joined() -> None:
    """The lines of an event's data are one JSON document, which the client gets on one line."""
    head = anthropic_stream({"type": "message_start", "message": {"id": "m", "content": []}})
    event = b'event: message_delta\ndata: {"type": "message_delta",%b "usage": {"output_tokens": 2%b}}\n\n'
    stop = anthropic_stream({"type": "message_stop"})
    out = read(reader_for("anthropic", "anthropic"), head + event % (b"\ndata:", b"") + stop, cost=COST)
    assert out == head + event % (b"", b',"cost":0.000069') + stop


def test_every_other_byte_stays() -> None:
    """Spaces, number formats and escapes are the provider's."""
    document = b' {"u" : 1.50, "usage" : { "a":1e2 , "b":"\\u00e9" } , "usage2":{ "a":1e2 }}'
    told = b' {"u" : 1.50, "usage" : { "a":1e2 , "b":"\\u00e9" ,"cost":0.5} , "usage2":{ "a":1e2 }}'
    assert with_cost(document, 0.5) == told


def test_a_providers_own_cost_gives_way() -> None:
    """What the provider takes from the operator is not what the ledger holds against the caller."""
    document = b'{"usage":{"cost": 1.25, "details":{"cost":1}}}'
    assert with_cost(document, 0.5) == b'{"usage":{"cost": 0.5, "details":{"cost":1}}}'


@pytest.mark.parametrize("document", [b"{}", b'{"usage":null}', b'{"usage":[]}', b'{"usage":3}', b"[]", b"{", b"\xff"])
def test_what_has_no_usage_stays(document: bytes) -> None:
    """There is no place for the cost."""
    assert with_cost(document, 0.5) == document


@given(before=OBJECTS, usage=OBJECTS, after=OBJECTS, ascii=st.booleans(), indent=st.none() | st.just(1))
def test_any_document_gets_the_cost(
    before: dict[str, Any], usage: dict[str, Any], after: dict[str, Any], ascii: bool, indent: int | None
) -> None:
    """Whatever stands around it and however it is written, the same document has the cost, or is untouched."""
    document = {**before, "usage": usage, **{name: value for name, value in after.items() if name != "usage"}}
    written = json.dumps(document, ensure_ascii=ascii, indent=indent).encode(errors="replace")
    read_back = msgspec.json.decode(written)
    out = msgspec.json.decode(with_cost(written, COST))
    plain = all(name.isascii() and name.isprintable() for name in [*read_back, *read_back["usage"]])
    assert out == {**read_back, "usage": {**read_back["usage"], "cost": COST}} or (not plain and out == read_back)
