"""What goes into one entry of the limiter's journal."""

from collections import deque

import msgspec

from services.auth.limiter.batch import Batch
from shared.bus.limits import _some_asks
from shared.schemas.limits import Ask, Quota, Turn

MESSAGE_BYTES = 1024 * 1024
"""nats-server's limit."""


def longest(number: int) -> Ask:
    """Return a question with a dozen scopes whose ids are as long as they may be."""
    return Ask(
        f"r{number}", "edge.e", 1.0, tuple(Quota("key\x1f" + "\U0001f6e3" * 600 + str(n), rpm=1) for n in range(12))
    )


def test_questions_with_the_longest_ids_fit_a_message() -> None:
    """Of each process, and of all of them together; none is left out."""
    asks = deque(longest(number) for number in range(300))
    turns: deque[Turn] = deque()
    while asks:
        turns.append(Turn("auth.a", len(turns), _some_asks(asks)))
        assert len(msgspec.json.encode(turns[-1])) < MESSAGE_BYTES
    seen = 0
    while turns:
        batch = Batch.take(turns)
        seen += len(batch.asks)
        assert len(msgspec.json.encode(batch.asks)) < MESSAGE_BYTES
    assert seen == 300


def test_short_questions_go_together() -> None:
    """As many as may."""
    turns = deque(Turn("auth.a", n, (Ask(f"r{n}", "edge.e", 1.0, (Quota("key\x1fk", rpm=1),)),)) for n in range(400))
    assert len(Batch.take(turns).asks) == 300
    assert len(Batch.take(turns).asks) == 100
