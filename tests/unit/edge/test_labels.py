"""What a client may call its own."""

from hypothesis import given
from hypothesis import strategies as st

from services.edge.domain.labels import MAX_LABEL, named_end_user, readable


@given(st.binary())
def test_any_bytes_of_a_header_are_text_that_can_be_sent_on(raw: bytes) -> None:
    """However they came: nothing raises, and what is UTF-8 is read as such."""
    value = readable(raw.decode("utf-8", "surrogateescape"))
    assert value.encode() in (raw, raw.decode("latin-1").encode())


def test_the_end_user_stands_in_either_header() -> None:
    """As in LiteLLM, the customer's header counts before the other; what is too long is cut."""
    both = {"x-litellm-end-user-id": "eve", "x-litellm-customer-id": "carol"}
    assert named_end_user(both) == "carol"
    assert named_end_user({"x-litellm-end-user-id": "eve", "x-litellm-customer-id": ""}) == "eve"
    assert named_end_user({"x-litellm-end-user-id": "x" * 1000}) == "x" * MAX_LABEL
    assert named_end_user({}) == ""
