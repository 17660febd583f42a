"""What an event's bytes say, however wrong they are."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.reading import read
from shared.schemas.events import Completion, encode_completion


def completion(request: str) -> Completion:
    """Return a completion."""
    return Completion(
        request_id=request, route="chat_completions", dialect="openai", model_group="m", outcome="success",
        status=200, received=1.0, ended=2.0,
    )  # fmt: skip


def message(*parts: bytes) -> bytes:
    """Return an event of completions as they are encoded."""
    return b'{"completions":[' + b",".join(parts) + b"]}"


def test_a_whole_event_is_read() -> None:
    """Every completion, and no flaw."""
    parts = [completion("a"), completion("b")]
    reading = read(message(*map(encode_completion, parts)))
    assert (reading.completions, reading.flaws) == (tuple(parts), ())


BAD = [
    b"{}",
    b"5",
    b"null",
    encode_completion(completion("x")).replace(b'"status":200', b'"status":"200"'),
    encode_completion(completion("x")).replace(b'"ended":2.0', b'"ended":1e300'),
    encode_completion(completion("x")).replace(b'"received":1.0', b'"received":-1'),
    encode_completion(completion("x")).replace(b'"openai"', b'"klingon"'),
    encode_completion(completion("x" * 65)),
    encode_completion(completion("")),
]


@given(st.lists(st.one_of(st.sampled_from("abc"), st.sampled_from(BAD)), min_size=1, max_size=8))
def test_a_bad_completion_takes_no_good_one_with_it(parts: list[str | bytes]) -> None:
    """The good ones are read in their order, and each bad one is a flaw with its own bytes."""
    encoded = [part if isinstance(part, bytes) else encode_completion(completion(part)) for part in parts]
    reading = read(message(*encoded))
    assert [item.request_id for item in reading.completions] == [part for part in parts if isinstance(part, str)]
    assert [flaw.payload for flaw in reading.flaws] == [part for part in parts if isinstance(part, bytes)]
    assert all(flaw.reason == "invalid" for flaw in reading.flaws)


@given(st.binary(max_size=60) | st.sampled_from([b"", b"{", b"[]", b'{"completions":[]}', b'{"completions":{}}']))
def test_what_is_no_event_is_one_flaw(payload: bytes) -> None:
    """With all of its bytes, so that somebody can look at it."""
    reading = read(payload)
    assert reading.completions == ()
    assert [flaw.payload for flaw in reading.flaws] == [payload]


def test_figures_that_no_database_can_hold_are_refused() -> None:
    """They would fail at each write, for ever."""
    good = msgspec.json.decode(encode_completion(completion("x")))
    attempt = {
        "id": "a", "deployment": "d", "provider": "p", "model": "m", "started": 1.0, "ended": 2.0, "outcome": "success",
    }  # fmt: skip
    for wrong in ({"cost": 2**63}, {"cost": -1}, {"usage": {"input": 2**70}}, {"usage": {"output": -5}}):
        payload = message(msgspec.json.encode(good | {"attempts": [attempt | wrong]}))
        assert len(read(payload).flaws) == 1
    assert read(message(msgspec.json.encode(good | {"attempts": [attempt]}))).flaws == ()
