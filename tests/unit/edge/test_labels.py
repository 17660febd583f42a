"""What a client may call its own."""

from hypothesis import given
from hypothesis import strategies as st

from services.edge.domain.labels import readable


@given(st.binary())
def test_any_bytes_of_a_header_are_text_that_can_be_sent_on(raw: bytes) -> None:
    """However they came: nothing raises, and what is UTF-8 is read as such."""
    value = readable(raw.decode("utf-8", "surrogateescape"))
    assert value.encode() in (raw, raw.decode("latin-1").encode())
