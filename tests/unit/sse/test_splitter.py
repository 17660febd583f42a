from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BrokenStream
from shared.sse import Event, Splitter

END = st.sampled_from(["\n", "\r\n", "\r"])
LINE = st.one_of(
    st.sampled_from(["", "data", "data:", "data: ", ": comment", "event: ping", "event:x", "id: 7", "nonsense"]),
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8).map("data: {}".format),
)
STREAM = st.lists(st.tuples(LINE, END), max_size=20).map(lambda lines: "".join(a + b for a, b in lines).encode())


def split(data: bytes, *cuts: int) -> list[Event]:
    splitter = Splitter()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    events = [event for a, b in pairwise(places) for event in splitter.feed(data[a:b])]
    return events + splitter.end()


@given(STREAM, st.booleans(), st.lists(st.integers(0, 200), max_size=8))
def test_any_chunking_gives_the_same_events(data: bytes, bom: bool, cuts: list[int]) -> None:
    """Where the network cuts a stream changes nothing: not the events, not their bytes."""
    data = b"\xef\xbb\xbf" * bom + data
    assert split(data, *cuts) == split(data)


@given(STREAM)
def test_byte_by_byte(data: bytes) -> None:
    """A stream that comes byte by byte has the same events."""
    assert split(data, *range(len(data))) == split(data)


@given(st.lists(st.tuples(LINE, END), max_size=20))
def test_line_ends_do_not_matter(lines: list[tuple[str, str]]) -> None:
    """The three line ends of the standard mean the same."""
    mixed, plain = ("".join(a + (b if own else "\n") for a, b in lines).encode() for own in (True, False))
    # A lone CR before a lone LF is one CRLF, so such mixtures are not comparable.
    if b"\r\n" not in mixed or mixed.count(b"\r\n") == sum(b == "\r\n" for _, b in lines):
        assert [event[:2] for event in split(mixed)] == [event[:2] for event in split(plain)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_name_and_lines_of_data(end: bytes) -> None:
    """An event has its name, and its lines of data joined by line feeds."""
    data = end.join([b": hello", b"event: tick", b"data: one", b"data:two", b"id: 1", b"", b"data: x", b"", b""])
    first, second = split(data)
    assert (first.name, first.data, second.name, second.data) == (b"tick", b"one\ntwo", b"", b"x")
    assert (first.raw + second.raw).startswith(data)


def test_comments_and_events_without_data_vanish() -> None:
    """What keeps a connection alive is no event."""
    assert split(b": ping\n\ndata:\n\nevent: x\n\n\n\ndata: 1\n\n") == [Event(b"", b"1", b"data: 1\n\n")]


def test_an_event_comes_as_soon_as_it_is_whole() -> None:
    """Nothing waits for the next event."""
    splitter = Splitter()
    assert [len(splitter.feed(piece)) for piece in (b"data: 1\n", b"\n", b"data: 2\r\n\r\n")] == [0, 1, 1]


def test_what_is_not_whole_is_held() -> None:
    """The bytes of an event that has not ended can be seen, and end() takes it as it is."""
    splitter = Splitter()
    assert splitter.feed(b"data: 1\n\ndata: 2")[0].data == b"1"
    assert (splitter.held, splitter.end()) == (b"data: 2", [Event(b"", b"2", b"data: 2\n\n")])


def test_an_event_is_bounded() -> None:
    """An event that never ends is an error, not memory."""
    splitter = Splitter(limit=1000)
    splitter.feed(b"data: " + b"x" * 900)
    with pytest.raises(BrokenStream):
        splitter.feed(b"x" * 200)
