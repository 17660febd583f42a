"""Work in the helper process; the functions are at the top, since it imports them by name."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from services.router.translate import Ask
from shared.errors import InvalidRequest, Unavailable
from shared.offload import INLINE_LIMIT, Offload

LARGE = bytes(range(256)) * 8192


def turned(body: bytes, more: bytes = b"") -> tuple[int, bytes]:
    """Return who answers and the bytes the other way round."""
    return os.getpid(), body[::-1] + more


def asked(body: bytes, path: str) -> Ask:
    """Return large bytes within something else."""
    return Ask(path, body, stream=False)


def refused(body: bytes) -> None:
    """Raise one of our own errors."""
    raise InvalidRequest(f"{len(body)} bytes are too many.", param="body")


def unsendable(body: bytes) -> object:
    """Return what cannot be pickled."""
    return threading.Lock()


def dying(body: bytes) -> None:
    """End the process."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def offload() -> Iterator[Offload]:
    """A helper process that is ended."""
    offload = Offload()
    yield offload
    offload.close()


async def test_small_bodies_stay_and_large_ones_go_to_another_process(offload: Offload) -> None:
    """Both are answered alike."""
    here, small = await offload.run(turned, b"ab", b"c")
    there, large = await offload.run(turned, LARGE, LARGE)
    assert (here, small) == (os.getpid(), b"bac")
    assert there != here
    assert large == LARGE[::-1] + LARGE


async def test_large_bytes_inside_of_a_value_come_back(offload: Offload) -> None:
    """They are carried beside the pickle and stand where they stood."""
    assert await offload.run(asked, LARGE, "/x") == Ask("/x", LARGE, stream=False)


async def test_errors_come_back(offload: Offload) -> None:
    """An error of ours keeps its fields, and an answer that cannot be sent is an error; both leave the helper well."""
    with pytest.raises(InvalidRequest, match="too many") as caught:
        await offload.run(refused, LARGE)
    assert caught.value.to_body().param == "body"
    with pytest.raises(RuntimeError, match="cannot be sent"):
        await offload.run(unsendable, LARGE)
    assert (await offload.run(turned, LARGE))[1] == LARGE[::-1]


async def test_a_helper_that_dies_is_replaced(offload: Offload) -> None:
    """Whoever waits for it may try again."""
    with pytest.raises(Unavailable):
        await offload.run(dying, LARGE)
    assert (await offload.run(turned, LARGE))[1] == LARGE[::-1]


async def test_one_helper_takes_many_in_turn(offload: Offload) -> None:
    """Answers are not mixed up."""
    bodies = [bytes([number]) * (INLINE_LIMIT + 1 + number) for number in range(8)]
    answers = await asyncio.gather(*[offload.run(turned, body) for body in bodies])
    assert [answer for _, answer in answers] == bodies
    assert len({pid for pid, _ in answers}) == 1


async def test_closing_ends_the_process() -> None:
    """Nothing is left behind, also where work was under way."""
    offload = Offload()
    pid, _ = await offload.run(turned, LARGE)
    offload.close()
    async with asyncio.timeout(60):
        while _runs(pid):
            await asyncio.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return True
