from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.translate import Ask, OwnFields, translator
from shared.errors import BrokenStream, Dialect, InvalidRequest, ProviderError
from shared.pricing.usage import Usage
from tests.unit.translate.streams import anthropic_stream, demo_stream, events_of, openai_stream, read, reader_for

DIALECTS: list[Dialect] = ["openai", "anthropic"]
ODD = (
    b'{"model": "g",  "messages":[ {"role":"user","content":"\\u00fc"} ], "max_tokens":1e1,"new" : [1.50, {"a":null}]}'
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def asked(dialect: Dialect, body: bytes, *, stream: bool = False) -> Ask:
    """Return what a provider of the same dialect is asked."""
    return translator(dialect, dialect).ask(body, "real", stream=stream)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_fields_stay_byte_for_byte(dialect: Dialect) -> None:
    """Spaces, escapes and number formats within a field's value are the client's."""
    body = asked(dialect, ODD).body
    assert b'"messages":[ {"role":"user","content":"\\u00fc"} ]' in body
    assert b'"max_tokens":1e1,"new":[1.50, {"a":null}]' in body


@pytest.mark.parametrize("dialect", DIALECTS)
@given(fields=st.dictionaries(st.text(max_size=6).map("x_{}".format), JSON, max_size=5))
def test_unknown_fields_go_on(dialect: Dialect, fields: dict[str, Any]) -> None:
    """Whatever else a client sends reaches the provider; the model alone is another."""
    body = {**fields, "model": "group", "messages": [{"role": "user", "content": "x"}]}
    assert msgspec.json.decode(asked(dialect, msgspec.json.encode(body)).body) == {**body, "model": "real"}


def test_own_fields() -> None:
    """The gateway's fields are taken out and read; LiteLLM's metadata is one of them in OpenAI's dialect."""
    body = b'{"user": "u", "tags": ["a", "a", "b"], "num_retries": 3, "metadata": {"tags": ["c"]}, "priority": 1}'
    ask = asked("openai", body)
    assert ask.own == OwnFields(("a", "b"), "u", 3)
    assert msgspec.json.decode(ask.body) == {"user": "u", "model": "real"}
    assert asked("openai", b'{"metadata": {"tags": ["c"]}}').own.tags == ("c",)


def test_metadata_is_kept_for_the_ledger_as_far_as_it_fits() -> None:
    """As JSON, whatever its names; what is too large is left out, the rest stays."""
    said = {"__proto__": {"$gt": ""}, "a.b": [1, None], "tags": ["t"], "large": "x" * 5000, "user_api_key": "sk-other"}
    kept = asked("openai", msgspec.json.encode({"metadata": said})).own.metadata
    assert msgspec.json.decode(kept) == {"__proto__": {"$gt": ""}, "a.b": [1, None]} | {"user_api_key": "sk-other"}
    assert asked("anthropic", msgspec.json.encode({"metadata": {"user_id": "u"}})).own.metadata == ""


def test_a_long_name_of_an_end_user_is_cut_for_the_ledger_alone() -> None:
    """The completion event is one small message, whatever a caller writes; the provider gets every letter."""
    ask = asked("openai", msgspec.json.encode({"user": "u" * 1_000_000}))
    assert (len(ask.own.end_user), len(msgspec.json.decode(ask.body)["user"])) == (256, 1_000_000)


def test_anthropics_metadata_stays() -> None:
    """In Anthropic's dialect `metadata` is the vendor's own field and says who is asking."""
    ask = asked("anthropic", b'{"metadata": {"user_id": "u", "tags": ["c"]}, "guardrails": []}')
    assert (ask.own, msgspec.json.decode(ask.body)["metadata"]["user_id"]) == (OwnFields(end_user="u"), "u")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"tags": "a"}', "tags"),
        (b'{"tags": [1]}', "tags"),
        (b'{"tags": ["' + b"a" * 300 + b'"]}', "tags"),
        (b'{"num_retries": -1}', "num_retries"),
        (b'{"num_retries": true}', "num_retries"),
        (b'{"num_retries": 1000}', "num_retries"),
    ],
)
def test_wrong_own_fields_are_refused(body: bytes, param: str) -> None:
    """A field of ours that makes no sense is named."""
    with pytest.raises(InvalidRequest) as caught:
        asked("openai", body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("options", "hidden", "sent"),
    [
        (b"", True, {"include_usage": True}),
        (b', "stream_options": null', True, {"include_usage": True}),
        (b', "stream_options": {"include_usage": false, "x": 1}', True, {"include_usage": True, "x": 1}),
        (b', "stream_options": {"include_usage": true}', False, {"include_usage": True}),
    ],
)
def test_streams_ask_for_their_usage(options: bytes, hidden: bool, sent: dict[str, Any]) -> None:
    """A stream's usage is always asked for, and hidden from a client that did not ask."""
    ask = asked("openai", b'{"stream": true' + options + b"}", stream=True)
    assert (ask.hide_usage, msgspec.json.decode(ask.body)["stream_options"]) == (hidden, sent)


def test_wrong_stream_options_are_refused() -> None:
    """What cannot be added to is refused."""
    with pytest.raises(InvalidRequest) as caught:
        asked("openai", b'{"stream": true, "stream_options": 3}', stream=True)
    assert caught.value.param == "stream_options"


def test_only_the_usage_chunk_is_hidden() -> None:
    """A client that did not ask gets the provider's bytes but for the last chunk; one that asked gets them all."""
    stream = demo_stream("openai", "demo;cached=4;input=9;tokens=5")
    hidden, shown = reader_for("openai", "openai", with_usage=False), reader_for("openai", "openai")
    assert read(shown, stream) == stream
    out = read(hidden, stream)
    assert (out in stream, all(event["choices"] for event in events_of(out))) == (False, True)
    assert out == b"".join(e + b"\n\n" for e in stream.split(b"\n\n")[:-1] if b'"choices":[]' not in e)
    assert hidden.usage == shown.usage == Usage(input=9, cache_read=4, output=5)


def test_usage_beside_content_is_not_hidden() -> None:
    """Some servers put the usage on the last chunk of content: that chunk stays."""
    last = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}}], "usage": {"prompt_tokens": 3}}
    stream = openai_stream({"content": "a"}, last, b"[DONE]")
    reader = reader_for("openai", "openai", with_usage=False)
    assert (read(reader, stream), reader.usage) == (stream, Usage(input=3))


@pytest.mark.parametrize("model", ["demo", "demo;tools=2;reasoning=3", "demo;usage=none"])
def test_anthropics_events_pass_as_they_came(model: str) -> None:
    """Every byte of every event is the provider's."""
    tools = [{"name": "a", "input_schema": {"type": "object"}}]
    stream = demo_stream("anthropic", model, tools=tools)
    assert read(reader_for("anthropic", "anthropic"), stream) == stream


def test_new_kinds_of_chunks_pass() -> None:
    """What this reader does not know, or knows with other types, the client may know."""
    odd = {"choices": [{"index": 0, "delta": {"content": [{"type": "thinking"}], "tool_calls": {"x": 1}}}]}
    stream = openai_stream(odd, {"choices": "none yet"}, {"content": "a", "new": 1}, b"[DONE]")
    assert read(reader_for("openai", "openai"), stream) == stream
    events = [
        {"type": "message_start", "message": {"id": "m", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "odd", "text": {"x": 1}}},
        {"type": "new_event", "delta": "odd"},
        {"type": "message_stop"},
    ]
    assert read(reader_for("anthropic", "anthropic"), anthropic_stream(*events)) == anthropic_stream(*events)


@pytest.mark.parametrize(
    ("dialect", "stream"),
    [
        ("openai", openai_stream(b"[DONE]")),
        ("openai", openai_stream({"content": "a"}, b"[1]", b"[DONE]")),
        ("openai", openai_stream({"content": "a"}, b'"x"', b"[DONE]")),
        ("openai", b"<html>busy</html>\n\n"),
        ("anthropic", anthropic_stream({"type": "message_stop"})),
        ("anthropic", anthropic_stream({"type": "message_start", "message": "odd"}, {"type": "message_stop"})),
        ("anthropic", b"data: 3\n\n"),
        ("anthropic", b""),
    ],
)
def test_streams_that_are_none(dialect: Dialect, stream: bytes) -> None:
    """An end without an answer, or events that are no objects, are a broken stream."""
    with pytest.raises(BrokenStream):
        read(reader_for(dialect, dialect), stream)


def test_an_error_comes_after_what_was_good() -> None:
    """What came in the same read before an error still goes to the client, and nothing more is waited for."""
    good = openai_stream({"content": "a"})
    reader = reader_for("openai", "openai")
    assert reader.feed(good + openai_stream({"error": {"message": "Busy.", "code": 503}})) == good
    assert reader.complete
    with pytest.raises(ProviderError, match="Busy") as caught:
        reader.finish()
    assert caught.value.to_body().status == 503


def test_an_error_before_the_first_token_gives_nothing_out() -> None:
    """A head that came in the same read as an error is kept back, so that another deployment can be tried."""
    reader = reader_for("openai", "openai")
    with pytest.raises(ProviderError, match="Busy"):
        reader.feed(openai_stream({"role": "assistant", "content": ""}, {"error": {"message": "Busy."}}))
    assert not reader.began


def test_an_empty_error_is_none() -> None:
    """Servers that write an empty error on every chunk mean none."""
    stream = openai_stream({"choices": [], "error": {}}, {"choices": [], "error": ""}, {"content": "a"}, b"[DONE]")
    assert read(reader_for("openai", "openai"), stream) == stream


def test_an_error_in_place_of_a_stream() -> None:
    """A JSON error where a stream was asked for is that error."""
    with pytest.raises(ProviderError, match="Busy"):
        read(reader_for("openai", "openai"), b'{"error": {"message": "Busy."}}\n')


def test_whole_answers_pass_as_they_came() -> None:
    """An answer's bytes are the provider's; usage and text are read beside."""
    body = (
        b'{ "id": "c", "choices": [{"message": {"reasoning_content": "Hm. ", "content": "Yes.", "tool_calls": '
        b'[{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}}], "usage": {"prompt_tokens": 2}, "new": 1 }'
    )
    whole = translator("openai", "openai").whole(Ask("/", b"", stream=False), body, "g")
    assert (whole.body, whole.usage, whole.text) == (body, Usage(input=2), "Hm. Yes.f{}")


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"3", b"{}", b'{"choices": 3, "content": 3}', b"\xff{"])
def test_bodies_that_are_no_answer(client: Dialect, provider: Dialect, body: bytes) -> None:
    """A body under status 200 that is no answer is the provider's fault, and is not shown."""
    with pytest.raises(ProviderError) as caught:
        translator(client, provider).whole(Ask("/", b"", stream=False), body, "g")
    assert caught.value.to_body().status == 502
