"""Flow control as arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.credit import (
    ANSWER_WINDOW,
    FRAME_BYTES,
    LEAST_PIECE,
    LEAST_WINDOW,
    TRANSFER_WINDOW,
    WINDOWS_TOGETHER,
    Allowance,
    Window,
    answer_window,
    split,
)


@given(st.binary(max_size=2000), st.integers(1, 300))
def test_pieces_join_to_the_whole(data: bytes, size: int) -> None:
    """Splitting loses nothing, keeps the order, and no piece is larger than asked; empty data is one piece."""
    pieces = list(split(data, size))
    assert b"".join(pieces) == data
    assert pieces
    assert all(len(piece) <= size for piece in pieces)
    assert all(pieces) or pieces == [b""]


@given(st.lists(st.integers(0, 10_000), max_size=50))
def test_grants_in_any_order_allow_the_largest(totals: list[int]) -> None:
    """A running total that is repeated, late or overtaken changes nothing."""
    allowance = Allowance(100)
    for total in totals:
        allowance.grant(total)
    assert allowance.granted == max([100, *totals])


@given(st.integers(1, 10_000), st.lists(st.integers(1, 5_000), max_size=60), st.lists(st.booleans(), min_size=60))
def test_a_producer_never_runs_further_ahead_than_the_window_and_a_frame(
    window: int, frames: list[int], lost: list[bool]
) -> None:
    """Whatever grants get lost, what was sent and not yet consumed stays bounded, and a beat gets it going again."""
    reader, producer = Window(window), Allowance(window)
    for size, is_lost in zip(frames, lost, strict=False):
        if producer.exhausted:
            producer.grant(reader.granted)
        assert not producer.exhausted
        producer.spend(size)
        assert producer.sent - reader.consumed <= window + max(frames)
        total = reader.consume(size)
        if total is not None and not is_lost:
            producer.grant(total)


@given(st.integers(2, 1000), st.lists(st.integers(1, 400), max_size=80))
def test_a_reader_that_took_all_has_granted_more(window: int, taken: list[int]) -> None:
    """After everything was consumed there is always room for more, so a stream never hangs."""
    reader = Window(window)
    for size in taken:
        reader.consume(size)
        assert reader.granted > reader.consumed


@given(st.integers(0, 5_000), st.sampled_from([ANSWER_WINDOW, TRANSFER_WINDOW]))
def test_all_windows_together_have_a_bound(lanes: int, most: int) -> None:
    """However many answers are read, each has some room, and what they may hold together grows no further."""
    window = answer_window(lanes, most)
    assert LEAST_WINDOW <= window <= most
    assert window * (lanes + 1) <= max(WINDOWS_TOGETHER, LEAST_WINDOW * (lanes + 1))


def test_a_frame_fits_a_message() -> None:
    """Eight frames stay within the broker's default limit of 1 MiB."""
    assert FRAME_BYTES * 8 <= 1024 * 1024


@given(st.integers(0, 300_000), st.binary(max_size=3 * FRAME_BYTES))
def test_a_frame_overdraws_its_credit_by_a_small_piece_at_most(granted: int, data: bytes) -> None:
    """Cutting loses nothing, and data that is left is cut again when there is credit for it."""
    allowance = Allowance(granted)
    piece, rest = allowance.cut(data)
    assert piece + rest == data
    assert len(piece) <= max(LEAST_PIECE, min(FRAME_BYTES, granted))
    assert piece or not data


@given(st.integers(0, 10_000))
def test_windows_shrink_as_lanes_come_and_never_to_nothing(lanes: int) -> None:
    """Few answers have a whole window each, many share what one process may hold, none waits for ever."""
    window = answer_window(lanes)
    assert LEAST_WINDOW <= window <= ANSWER_WINDOW
    assert window * (lanes + 1) <= WINDOWS_TOGETHER or window == LEAST_WINDOW
    assert answer_window(lanes + 1) <= window
