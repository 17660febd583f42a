"""The cache of one kind of record, without a store: whoever holds an entry can tell that it is outdated."""

import asyncio
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.auth import record_cache
from services.auth.record_cache import Entry, RecordCache


class Stored:
    """Records by id, with a follower that hears of every change at once."""

    def __init__(self, capacity: int = 100) -> None:
        self.records: dict[str, str] = {}
        self.asked = 0
        self.cache: RecordCache[str] = RecordCache(self.find, capacity, "thing")
        self.follower: Any = SimpleNamespace(generation=0, fresh=True)
        self.cache.follower = self.follower

    async def find(self, id: str) -> str | None:
        """Return a record."""
        self.asked += 1
        await asyncio.sleep(0)
        return self.records.get(id)

    def change(self, id: str, record: str | None) -> None:
        """Write or delete a record, and tell of it."""
        if record is None:
            self.records.pop(id, None)
        else:
            self.records[id] = record
        self.follower.generation += 1
        self.cache.forget(id)


async def test_one_question_serves_all_who_ask_at_once() -> None:
    """And none is asked for what is cached."""
    stored = Stored()
    stored.records["a"] = "one"
    entries = await asyncio.gather(*(stored.cache.fetch("a") for _ in range(10)))
    assert {entry.record for entry in entries} == {"one"}
    assert stored.cache.get("a") is entries[0]
    assert stored.asked == 1


async def test_an_entry_that_made_room_is_outdated() -> None:
    """Nobody would tell its holder of a change."""
    stored = Stored(capacity=2)
    stored.records |= {"a": "1", "b": "2", "c": "3"}
    first = await stored.cache.fetch("a")
    await stored.cache.fetch("b")
    assert not first.stale
    await stored.cache.fetch("c")
    assert first.stale
    assert stored.cache.get("a") is None


async def test_an_entry_whose_place_was_taken_is_outdated(monkeypatch: Any) -> None:
    """What is not there is asked for again after a while; who holds the first answer must hear of its coming, too."""
    stored = Stored()
    monkeypatch.setattr(record_cache, "UNKNOWN_SECONDS", -1.0)
    first = await stored.cache.fetch("a")
    assert stored.cache.get("a") is None
    second = await stored.cache.fetch("a")
    assert (first.stale, second.stale) == (True, False)
    stored.change("a", "now")
    assert second.stale


async def test_an_answer_of_before_a_change_is_not_kept() -> None:
    """While changes go on it serves whoever asked, and is outdated at once."""
    stored = Stored()
    stored.records["a"] = "old"

    async def changing(id: str) -> str | None:
        found = stored.records.get(id)
        stored.change(id, "new")
        return found

    stored.cache = RecordCache(changing, 10, "thing")
    stored.cache.follower = stored.follower
    entry = await stored.cache.fetch("a")
    assert entry.stale
    assert stored.cache.get("a") is None


@given(st.lists(st.tuples(st.sampled_from(["fetch", "write", "delete", "clear"]), st.sampled_from("abc")), max_size=40))
def test_an_entry_that_is_not_outdated_is_true(steps: list[tuple[str, str]]) -> None:
    """Whatever happens, each entry that somebody holds is what the store has, or says that it is outdated."""

    async def play() -> None:
        stored = Stored(capacity=2)
        held: list[tuple[str, Entry[str]]] = []
        for number, (step, id) in enumerate(steps):
            if step == "fetch":
                held.append((id, stored.cache.get(id) or await stored.cache.fetch(id)))
            elif step == "clear":
                stored.cache.clear()
            else:
                stored.change(id, f"{number}" if step == "write" else None)
            for its_id, entry in held:
                assert entry.stale or entry.record == stored.records.get(its_id)

    asyncio.run(play())
