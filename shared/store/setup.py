"""The indexes, made at every start."""

from shared.store.connection import Store, translated


async def ensure_indexes(store: Store) -> None:
    """Create what is not there yet; raises `StoreUnavailable`."""
    database = store.database
    with translated():
        await database.ledger_pages.create_index([("scope", 1), ("id", 1), ("minute", 1)])
        await database.rollups.create_index([("scope", 1), ("id", 1)])
        await database.keys.create_index([("created_at", -1)])
        await database.changes.create_index([("number", 1)])
