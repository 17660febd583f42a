"""Mock, bare proxies and load client, as the processes they are, on a few requests."""

import asyncio
import json
import urllib.request

from benchmarks.contenders import bare, measure, mock
from benchmarks.processes import alive


async def test_whole_answers_are_counted_and_checked() -> None:
    """Every answer through the bare proxy is right, is counted at the mock, and cost CPU somewhere."""
    async with mock(chunks=3) as (pid, port), bare(port) as proxy:
        measured = await measure(proxy, connections=4, requests=200)
        with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/_mock") as answer:
            counts = json.loads(answer.read())
    assert measured.load["statuses"] == {"200": 200}
    assert measured.load["failed"] == 0
    assert counts["requests"] == 200
    assert measured.progress[-1][1] == 200
    assert not alive(pid)


async def test_streams_are_complete() -> None:
    """Every stream through the bare stream proxy holds all of its chunks and its end."""
    async with mock(chunks=3) as (_, port), bare(port, stream=True) as proxy:
        measured = await measure(proxy, connections=5, requests=10, chunks=3)
    assert measured.load["errors"] == []
    assert measured.load["chunks"] == 30


async def test_a_stream_that_misses_chunks_is_a_failure() -> None:
    """A client that expects more chunks than come says so."""
    async with mock(chunks=3) as (_, port), bare(port, stream=True) as proxy:
        measured = await measure(proxy, connections=1, requests=1, chunks=4)
    assert measured.load["failed"] == 1
    assert "3 chunks" in measured.load["errors"][0]


async def test_a_wrong_answer_is_a_failure() -> None:
    """An upstream that is not there makes every request fail, and the run still ends."""
    async with bare(1) as proxy:
        measured = await measure(proxy, connections=2, requests=4)
    assert measured.load["failed"] == 4
