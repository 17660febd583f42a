"""The order in which services are started anew."""

from tollway.services import SERVICES


def test_passthrough_is_replaced_before_auth() -> None:
    """A new auth leaves it to pass-through to ask the limiter, which an old pass-through would not do."""
    order = list(SERVICES)
    assert order.index("passthrough") < order.index("auth") < order.index("edge")
