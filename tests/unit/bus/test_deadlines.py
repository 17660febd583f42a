"""One absolute deadline: it travels as it is, over any number of hops, and nothing a caller says moves it outward."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.edge.domain.labels import wanted_timeout
from shared.bus.envelope import Envelope, join
from shared.errors import InvalidRequest
from shared.schemas.context import Principal, RequestContext

contexts = Envelope(RequestContext)
MOMENTS = st.floats(0, 4e9, allow_nan=False)


@given(MOMENTS, MOMENTS, st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=12))
def test_a_deadline_is_the_same_at_every_hop(deadline: float, send_by: float, hops: list[tuple[int, bool]]) -> None:
    """To the last bit, whatever the stages add to a request and however often one of them is repeated."""
    context = RequestContext("r", "l.r", "l", "chat_completions", "openai", deadline, send_by, 0.0, 9)
    for epoch, known in hops:
        principal = Principal("key_holder") if known else None
        context = msgspec.structs.replace(context, epoch=epoch, principal=principal, direct=known)
        context, _ = contexts.split(join(context, b"body"))
    assert (context.deadline, context.send_by) == (deadline, send_by)


@given(st.floats(0.1, 600), st.one_of(st.floats(), st.integers(), st.text(max_size=20)))
def test_a_caller_may_only_ask_for_less(limit: float, asked: object) -> None:
    """What it writes is a number above 0 and counts up to the operator's limit, or it is refused."""
    try:
        seconds = wanted_timeout({"x-litellm-timeout": str(asked)}, limit)
    except InvalidRequest:
        with pytest.raises((ValueError, AssertionError)):
            assert float(str(asked)) > 0
    else:
        assert 0 < seconds <= limit
    assert wanted_timeout({}, limit) == limit
