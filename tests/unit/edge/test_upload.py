"""Bodies that are still arriving."""

import asyncio
import time

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from services.edge.upload import ArrivingUpload
from shared.errors import BodyTooLarge

DATA = bytes(range(256)) * 1000


def arriving(data: bytes) -> StreamReader:
    """Return what a client sends."""
    loop = asyncio.get_running_loop()
    content = StreamReader(BaseProtocol(loop), len(DATA), loop=loop)
    content.feed_data(data)
    content.feed_eof()
    return content


@pytest.mark.parametrize("size", [0, 1, 10])
async def test_a_short_body_is_there_at_once(size: int) -> None:
    """Though nobody said how long it would be."""
    upload = ArrivingUpload(arriving(DATA[:size]), len(DATA))
    assert await upload.short(10, time.time() + 5) == DATA[:size]


async def test_of_a_longer_body_nothing_is_lost() -> None:
    """It has not begun, and comes in pieces from its beginning."""
    upload = ArrivingUpload(arriving(DATA), len(DATA))
    assert await upload.short(10, time.time() + 5) is None
    assert not upload.begun
    pieces = []
    while piece := await upload.piece():
        pieces.append(piece)
    assert b"".join(pieces) == DATA
    assert max(map(len, pieces)) <= 64 * 1024
    assert upload.begun


async def test_a_short_body_is_not_read_beyond_the_limit() -> None:
    """The limit is that of all uploads."""
    with pytest.raises(BodyTooLarge):
        await ArrivingUpload(arriving(DATA), 10).short(len(DATA), time.time() + 5)
