"""The fenced journal on a real nats-server: one writer at a time, readers that miss nothing."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.bus import subjects
from shared.bus.journal_reader import JournalReader
from shared.bus.journal_writer import JournalWriter, cut
from shared.bus.setup import ensure_streams
from shared.bus.worker import Worker
from tests.support.nats_server import NatsServer


class Pen:
    """A writer, and what it was told."""

    def __init__(self, worker: Worker) -> None:
        self.deposed = False
        self.last = 0
        self.writer = JournalWriter(worker.bus, worker.alarms, deposed=self._lose)
        self._done: asyncio.Future[None] | None = None

    async def write(self, *entries: bytes, timeout: float = 60.0) -> None:
        """Append entries, each once the one before is stored; returns early when somebody else wrote instead."""
        for entry in entries:
            self._done = asyncio.get_running_loop().create_future()
            self.writer.append(entry, self.last, self._store)
            await asyncio.wait_for(self._done, timeout)
            if self.deposed:
                return

    def _store(self, sequence: int) -> None:
        self.last = sequence
        self._end()

    def _lose(self) -> None:
        self.deposed = True
        self._end()

    def _end(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


class Copy:
    """A reader, and what it read."""

    def __init__(self, worker: Worker) -> None:
        self.entries: list[bytes] = []
        self.restarts = 0
        self.reader = JournalReader(worker.bus, on_entry=self._take, on_restart=self._restart)

    def _take(self, sequence: int, entry: bytes) -> None:
        self.entries.append(entry)

    def _restart(self) -> None:
        self.restarts += 1
        self.entries.clear()


@asynccontextmanager
async def pen_of(worker: Worker) -> AsyncIterator[Pen]:
    """A writer that hears acknowledgements."""
    pen = Pen(worker)
    await pen.writer.start()
    try:
        yield pen
    finally:
        await pen.writer.close()


@asynccontextmanager
async def copy_of(worker: Worker) -> AsyncIterator[Copy]:
    """A reader that reads."""
    copy = Copy(worker)
    copy.reader.start()
    try:
        yield copy
    finally:
        await copy.reader.close()


@pytest.fixture
async def auth(worker_on: Any) -> AsyncIterator[Worker]:
    """A worker on a broker with the streams."""
    async with worker_on("auth") as worker:
        await ensure_streams(worker.bus)
        yield worker


async def test_readers_get_every_entry_in_order(auth: Worker, eventually: Any) -> None:
    """One that began before, one that came later, and one in the middle read the same."""
    entries = [b"entry %d" % number for number in range(300)]
    async with pen_of(auth) as pen, copy_of(auth) as early:
        await eventually(lambda: early.reader.caught_up)
        await pen.write(*entries[:150])
        async with copy_of(auth) as late:
            await pen.write(*entries[150:])
            await eventually(lambda: early.entries == late.entries == entries)
        assert (early.restarts, late.restarts, early.reader.position) == (1, 1, 300)


async def test_who_did_not_see_the_last_entry_cannot_write(auth: Worker) -> None:
    """Of two writers that both saw the journal's end, one is deposed, and nothing of it is stored."""
    async with pen_of(auth) as one, pen_of(auth) as other:
        await one.write(b"one")
        other.last = one.last
        await asyncio.gather(one.write(b"one again"), other.write(b"other"))
        assert sorted([one.deposed, other.deposed]) == [False, True]
        info = await auth.bus.jetstream.stream_info(subjects.LIMIT_STREAM)
        assert info.state.messages == 2


async def test_a_writer_finds_its_entry_again_after_the_broker_was_killed(
    auth: Worker, nats_server: NatsServer, eventually: Any
) -> None:
    """Entries on their way when the broker dies are stored once, and the writer goes on."""
    entries = [b"entry %d" % number for number in range(400)]
    async with pen_of(auth) as pen, copy_of(auth) as copy:
        await eventually(lambda: copy.reader.caught_up)
        writing = asyncio.ensure_future(pen.write(*entries))
        await eventually(lambda: pen.last >= 100, 90)
        nats_server.stop()
        await asyncio.sleep(0.1)
        nats_server.start()
        await asyncio.wait_for(writing, 90)
        await eventually(lambda: copy.entries == entries)
    assert not pen.deposed
    assert copy.restarts == 1


async def test_an_entry_whose_acknowledgement_was_lost_is_not_written_twice(
    auth: Worker, nats_server: NatsServer, eventually: Any
) -> None:
    """A frozen broker may have stored it or not; the writer looks before it believes anything."""
    async with pen_of(auth) as pen:
        await pen.write(b"before")
        nats_server.signal(signal.SIGSTOP)
        writing = asyncio.ensure_future(pen.write(b"while it slept"))
        await asyncio.sleep(1.5)
        nats_server.signal(signal.SIGCONT)
        await asyncio.wait_for(writing, 60)
        await pen.write(b"after")
        assert not pen.deposed
        found = [(await auth.bus.jetstream.get_msg(subjects.LIMIT_STREAM, n)).data for n in (1, 2, 3)]
        assert found == [b"before", b"while it slept", b"after"]
        assert pen.last == 3


async def test_a_reader_begins_with_what_was_left_after_a_cut(auth: Worker, eventually: Any) -> None:
    """A new reader starts at the first entry that is there; one that was behind the cut starts again."""
    async with pen_of(auth) as pen, copy_of(auth) as ahead:
        await pen.write(*[b"%d" % number for number in range(1, 21)])
        await eventually(lambda: len(ahead.entries) == 20)
        assert await cut(auth.bus, 11)
        async with copy_of(auth) as late:
            await pen.write(b"21")
            await eventually(lambda: late.entries == [b"%d" % number for number in range(11, 22)])
        await eventually(lambda: ahead.entries[-1] == b"21")
        assert ahead.restarts == 1


async def test_an_empty_journal_says_where_it_ends(auth: Worker, eventually: Any) -> None:
    """Whoever reads a journal that was emptied knows behind which number to write."""
    async with pen_of(auth) as pen:
        await pen.write(b"1", b"2")
        assert await cut(auth.bus, 3)
        async with copy_of(auth) as copy:
            await eventually(lambda: copy.reader.caught_up)
            assert copy.reader.position == 2
            await pen.write(b"3")
            await eventually(lambda: copy.entries == [b"3"])
