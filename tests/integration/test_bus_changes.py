"""Hearing of changes on a real broker that goes away: nothing is believed before the store was asked again."""

from typing import Any

from shared.bus import subjects
from shared.bus.changes import ChangeFollower
from shared.schemas.control import Change
from tests.support.changes import Record


async def test_nothing_is_believed_between_a_lost_connection_and_the_store(
    nats_server: Any, worker_on: Any, eventually: Any
) -> None:
    """After a reconnect messages may come before anybody knows of it, so the doubt begins with the loss."""
    record = Record()
    heard: list[Change] = []
    async with worker_on("auth") as worker:
        follower = ChangeFollower(worker, record, on_change=heard.append, on_reset=heard.clear)
        await follower.start()
        assert follower.fresh
        nats_server.stop()
        await eventually(lambda: not worker.bus.connected)
        assert not follower.fresh
        asked = record.asked
        await eventually(lambda: record.asked > asked + 1)
        assert not follower.fresh
        record.changes.append(Change(1, "key", "revoked"))
        nats_server.start()
        await eventually(lambda: follower.fresh)
        assert heard == record.changes
        await follower.close()


async def test_a_missed_number_is_asked_for(worker_on: Any, eventually: Any) -> None:
    """A broadcast that skips a number makes the follower ask the store, which has both."""
    record = Record()
    heard: list[Change] = []
    async with worker_on("auth") as worker:
        follower = ChangeFollower(worker, record, on_change=heard.append, on_reset=heard.clear)
        await follower.start()
        record.changes = [Change(1, "key", "a"), Change(2, "key", "b")]
        worker.bus.publish(subjects.change("key"), b'{"number":2,"kind":"key","id":"b"}')
        await eventually(lambda: Change(1, "key", "a") in heard)
        await eventually(lambda: follower.fresh)
        assert follower.gaps == 1
        await follower.close()
