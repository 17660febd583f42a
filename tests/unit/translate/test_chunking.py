from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.translate.registry import TRANSLATORS
from shared.errors import BrokenStream, Dialect, ProviderError
from tests.unit.translate.streams import END_MARKS, demo_stream, read, reader_for

TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {
    "openai": [{"type": "function", "function": {"name": name, "parameters": TOOL}} for name in ("one", "two")],
    "anthropic": [{"name": name, "input_schema": TOOL} for name in ("one", "two")],
}
PROMPT = [{"role": "user", "content": "Grüße 🏔️ aus \u2028 Zürich"}]
ROUTES = sorted(TRANSLATORS)


def streams(provider: Dialect) -> list[bytes]:
    """Return a stream with reasoning and text that needs care, and one with calls."""
    return [
        demo_stream(provider, "demo;echo;reasoning=3;cached=5", messages=PROMPT),
        demo_stream(provider, "demo;tools=3;reasoning=2", tools=TOOLS[provider]),
    ]


STREAMS: dict[Dialect, list[bytes]] = {"openai": streams("openai"), "anthropic": streams("anthropic")}
CUTS = st.lists(st.integers(0, 6000), max_size=12)


@pytest.mark.parametrize(("client", "provider"), ROUTES)
@given(which=st.integers(0, 1), crlf=st.booleans(), with_usage=st.booleans(), cuts=CUTS)
def test_any_chunking_gives_the_same_bytes(
    client: Dialect, provider: Dialect, which: int, crlf: bool, with_usage: bool, cuts: list[int]
) -> None:
    """Where the network cuts a provider's stream changes nothing of what the client gets or what is known after."""
    stream = STREAMS[provider][which]
    stream = stream.replace(b"\n", b"\r\n") if crlf else stream
    cut, whole = (reader_for(client, provider, with_usage=with_usage) for _ in range(2))
    assert read(cut, stream, *cuts) == read(whole, stream)
    assert (cut.usage, cut.text, cut.complete, cut.began) == (whole.usage, whole.text, True, True)


@pytest.mark.parametrize(("client", "provider"), ROUTES)
@given(which=st.integers(0, 1), share=st.floats(0, 1), cuts=CUTS)
def test_a_stream_that_ends_early_is_broken(
    client: Dialect, provider: Dialect, which: int, share: float, cuts: list[int]
) -> None:
    """Cut at any byte before its end mark, a stream is never taken for a whole answer."""
    stream = STREAMS[provider][which]
    mark = stream.index(END_MARKS[provider]) + len(END_MARKS[provider])
    cut = stream[: min(int(share * len(stream)), mark - 1)]
    with pytest.raises(BrokenStream):
        read(reader_for(client, provider), cut, *cuts)


@pytest.mark.parametrize(("client", "provider"), ROUTES)
@pytest.mark.parametrize("which", [0, 1])
def test_broken_at_every_byte_around_the_end(client: Dialect, provider: Dialect, which: int) -> None:
    """The last bytes are where a cut is most easily missed."""
    stream = STREAMS[provider][which]
    mark = stream.index(END_MARKS[provider]) + len(END_MARKS[provider])
    for end in range(mark - 400, mark):
        with pytest.raises(BrokenStream):
            read(reader_for(client, provider), stream[:end])
    for end in range(mark, len(stream) + 1):
        assert read(reader_for(client, provider), stream[:end])


@pytest.mark.parametrize(("client", "provider"), ROUTES)
@given(garbage=st.binary(min_size=1, max_size=40), at=st.integers(0, 5000), cuts=CUTS)
def test_nonsense_raises_nothing_but_provider_errors(
    client: Dialect, provider: Dialect, garbage: bytes, at: int, cuts: list[int]
) -> None:
    """Whatever bytes stand in a stream, it is read or it is the provider's fault."""
    stream = STREAMS[provider][0]
    with suppress(ProviderError):
        read(reader_for(client, provider), stream[:at] + garbage + stream[at:], *cuts)


@pytest.mark.parametrize(("client", "provider"), ROUTES)
def test_what_ends_the_clients_stream_is_held_back(client: Dialect, provider: Dialect) -> None:
    """The client's end mark comes from last() alone, so that the ledger can be written before it."""
    reader = reader_for(client, provider)
    assert END_MARKS[client] not in reader.feed(STREAMS[provider][0])
    reader.finish()
    assert END_MARKS[client] in reader.last(None)


@pytest.mark.parametrize(("client", "provider"), ROUTES)
def test_the_first_token_is_noticed(client: Dialect, provider: Dialect) -> None:
    """Heads and roles are no content; the first piece of reasoning, text or a call is."""
    stream = STREAMS[provider][0]
    first = stream.index(b"reasoning_content" if provider == "openai" else b"thinking_delta")
    reader = reader_for(client, provider)
    reader.feed(stream[:first])
    assert not reader.began
    reader.feed(stream[first : first + 200])
    assert reader.began
