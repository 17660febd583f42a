"""Cards of users: what lists are sorted and searched by is what the users are, whatever changes meanwhile."""

import asyncio

import msgspec
import pytest

from shared.store.cards import Cards, Entry
from shared.store.connection import Store, StoreUnavailable
from shared.store.people import UserRecord, users


async def on_cards(store: Store) -> list[Entry]:
    """Return what all cards say, by id."""
    return sorted([entry async for some in Cards(store, "users").read() for entry in some])


async def in_store(store: Store) -> list[Entry]:
    """Return what the users are, by id."""
    found = [item async for item in store.database.users.find({})]
    return sorted(Entry(item["_id"], item["email"], item["alias"], item["role"], item["created_at"]) for item in found)


async def renamed(store: Store, id: str, email: str) -> None:
    """Change a user's address, as long as others are faster."""
    people = users(store)

    async def change(session: object) -> None:
        user = await people.find(id, session)
        assert user is not None
        await people.replace(msgspec.structs.replace(user, email=email), session)

    while True:
        try:
            await store.atomically(change)
        except StoreUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def test_cards_say_what_users_are_after_each_kind_of_change(store: Store) -> None:
    """New, changed and deleted ones; a card that is true is read as it stands."""
    people = users(store)
    assert await on_cards(store) == []
    for number in range(3):
        await people.insert(UserRecord(f"u{number}", float(number), email=f"u{number}@example.com"))
    assert await on_cards(store) == await in_store(store)
    await renamed(store, "u1", "other@example.com")
    assert [entry.email for entry in await on_cards(store)] == ["u0@example.com", "other@example.com", "u2@example.com"]
    await store.atomically(lambda session: people.delete("u0", session))
    assert await on_cards(store) == await in_store(store)
    await store.database.cards.update_many({}, {"$set": {"entries": msgspec.msgpack.encode([])}})
    assert await on_cards(store) == []


async def test_a_change_that_was_undone_leaves_cards_as_they_were(store: Store) -> None:
    """Cards change with the users or not at all."""
    people = users(store)
    await people.insert(UserRecord("u", 1.0, email="u@example.com"))
    before = await on_cards(store)

    async def fails(session: object) -> None:
        await people.delete("u", session)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.atomically(fails)
    assert await on_cards(store) == before == await in_store(store)


async def test_cards_are_true_after_readers_and_writers_met(store: Store) -> None:
    """Who makes a card while its users change does not keep what it read too early."""
    people = users(store)
    await store.atomically(
        lambda session: people.insert_many([UserRecord(f"u{number}", 1.0) for number in range(4)], session)
    )

    async def write(number: int) -> None:
        for turn in range(6):
            await renamed(store, f"u{number}", f"{number}-{turn}@example.com")

    async def read() -> None:
        for _ in range(12):
            await on_cards(store)

    async with asyncio.timeout(90):
        await asyncio.gather(*map(write, range(4)), read(), read())
    assert await on_cards(store) == await in_store(store)
