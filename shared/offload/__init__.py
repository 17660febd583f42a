"""Work on large bodies in a process of its own, so that no event loop stands still for it."""

from shared.offload.pieces import Pieces
from shared.offload.pool import INLINE_LIMIT, Offload

__all__ = ["INLINE_LIMIT", "Offload", "Pieces"]
