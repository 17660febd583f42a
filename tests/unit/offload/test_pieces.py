"""Bodies that come in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from shared.offload import Pieces
from shared.offload.pieces import AT_ONCE, LEAST_PIECE


@given(st.lists(st.integers(0, 2 * LEAST_PIECE), max_size=12))
async def test_pieces_of_any_size_make_the_whole(sizes: list[int]) -> None:
    """Nothing is lost and the order stays, whether a piece is kept or copied to others."""
    pieces = Pieces()
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    for part in parts:
        pieces.add(part)
    assert pieces.size == sum(sizes)
    assert await pieces.whole() == b"".join(parts)


async def test_a_large_body_is_put_together_elsewhere() -> None:
    """It is the same body, and a buffer that its owner uses again was copied."""
    pieces = Pieces()
    buffer = bytearray(LEAST_PIECE)
    for number in range(AT_ONCE // LEAST_PIECE + 1):
        buffer[:] = bytes([number]) * LEAST_PIECE
        pieces.add(buffer)
    whole = await pieces.whole()
    assert whole == b"".join(bytes([number]) * LEAST_PIECE for number in range(AT_ONCE // LEAST_PIECE + 1))


async def test_a_single_piece_is_not_copied() -> None:
    """Most bodies come in one."""
    pieces = Pieces()
    body = bytes(LEAST_PIECE)
    pieces.add(body)
    assert await pieces.whole() is body
