"""The cache of keys on a real broker: what changes while the store is asked."""

from typing import Any

import msgspec

from services.auth.record_cache import RecordCache
from shared.bus import subjects
from shared.bus.changes import ChangeFollower
from shared.schemas.control import Change
from shared.store.keys import KeyRecord
from tests.support.changes import Record

WORKS = KeyRecord("h", "sk-...1234", created_at=1.0)


async def test_a_key_revoked_while_it_is_looked_up_does_not_pass(worker_on: Any, eventually: Any) -> None:
    """The store's answer is of before the change, which was heard of before the answer: so it is asked again."""
    record = Record()
    answers = [WORKS, msgspec.structs.replace(WORKS, blocked=True)]
    async with worker_on("auth") as worker:

        async def find(hash: str) -> KeyRecord | None:
            if len(answers) == 1:
                return answers[0]
            change = Change(1, "key", hash)
            record.changes.append(change)
            worker.bus.publish(subjects.change("key"), msgspec.json.encode(change))
            await eventually(lambda: follower.generation == before + 1)
            return answers.pop(0)

        keys = RecordCache(find, 10, "key")
        keys.follower = follower = ChangeFollower(
            worker, record, on_change=lambda change: keys.forget(change.id), on_reset=keys.clear
        )
        await follower.start()
        before = follower.generation
        entry = await keys.fetch("h")
        assert entry.record == answers[0]
        assert keys.get("h") == entry
        await follower.close()
