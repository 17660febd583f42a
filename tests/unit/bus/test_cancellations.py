"""A cancellation may overtake its request."""

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.cancellations import Cancellations


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), max_size=20))
def test_all_epochs_up_to_the_cancelled_one_are_covered(cancelled: list[tuple[str, int]]) -> None:
    """Later epochs of the request live on, in whatever order the cancellations come."""
    known = Cancellations()
    for request, epoch in cancelled:
        known.add(request, epoch)
    for request in "abc":
        last = max([epoch for name, epoch in cancelled if name == request], default=0)
        assert [known.covers(request, epoch) for epoch in (1, 2, 3, 4)] == [epoch <= last for epoch in (1, 2, 3, 4)]


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    """Only so many are remembered."""
    known = Cancellations(capacity=2)
    for request in "abc":
        known.add(request, 1)
    assert (len(known), known.covers("a", 1), known.covers("b", 1), known.covers("c", 1)) == (2, False, True, True)
