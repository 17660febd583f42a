"""The indexes and counters, made at every start."""

from contextlib import suppress
from typing import Any

from pymongo.errors import DuplicateKeyError

from shared.store.budgets import REFERRING
from shared.store.connection import Store, translated
from shared.store.declarations import LAST
from shared.store.key_counts import count_all
from shared.store.ledger_pause import STATE
from shared.store.shelves import SHELVED, shelve_all


async def ensure_indexes(store: Store) -> None:
    """Create what is not there yet; raises `StoreUnavailable`."""
    database = store.database
    with translated():
        await ensure_ledger_indexes(database.rollups, database.ledger_pages)
        await database.changes.create_index([("number", 1)])
        await _key_indexes(database)
        await _people_indexes(database)
        for name in SHELVED:
            await database[name].create_index([("shelf", 1)])
        await database.models.create_index([("created_at", 1)])
        await database.models.create_index([("credential_name", 1)])
        await database.audit.create_index([("kind", 1), ("object", 1), ("at", -1)])
        for name in ("actor", "actor_name", "action", "effect", "request_id"):
            await database.audit.create_index([(name, 1), ("at", -1)])
        await database.audit.create_index([("at", -1)])
        with suppress(DuplicateKeyError):
            await database.declarations.update_one({"_id": LAST}, {"$setOnInsert": {"objects": "[]"}}, upsert=True)
        # The counter exists before anyone counts: an upsert that races with another one may find nothing.
        with suppress(DuplicateKeyError):
            await database.counters.update_one({"_id": "changes"}, {"$setOnInsert": {"number": 0}}, upsert=True)
        with suppress(DuplicateKeyError):
            new = {"writes": 0, "paused_until": 0.0, "paused_by": "", "kept_from": "", "swept_at": 0.0}
            await database.ledger_state.update_one({"_id": STATE}, {"$setOnInsert": new}, upsert=True)
        await shelve_all(store)
        await count_all(store)


async def ensure_ledger_indexes(rows: Any, pages: Any) -> None:
    """Create the indexes of the ledger's rows and pages; raises the driver's errors."""
    await rows.create_index([("names", 1), ("day", 1)])
    await pages.create_index([("names", 1), ("slice", 1)])


async def _key_indexes(database: Any) -> None:
    keys = database["keys"]
    await keys.create_index([("created_at", -1)])
    for name in ("user_id", "team_id", "organization_id"):
        await keys.create_index([(name, 1), ("created_at", -1)])
    await keys.create_index([("account", 1)], partialFilterExpression={"account": {"$gt": ""}})
    await keys.create_index([("key_alias", 1)], unique=True, partialFilterExpression={"key_alias": {"$gt": ""}})


async def _people_indexes(database: Any) -> None:
    for name in ("users", "teams", "organizations", "customers", "budgets", "credentials"):
        await database[name].create_index([("created_at", -1)])
    for name in ("email", "sso_id"):
        await database.users.create_index([(name, 1)], unique=True, partialFilterExpression={name: {"$gt": ""}})
    await database.teams.create_index([("organization_id", 1), ("created_at", -1)])
    await database.teams.create_index([("alias", 1)])
    await database.organizations.create_index([("alias", 1)])
    # Keys by the million have no budget, so only those with one are listed.
    for name in REFERRING:
        await database[name].create_index([("budget_id", 1)], partialFilterExpression={"budget_id": {"$gt": ""}})
    await database.memberships.create_index([("user", 1), ("kind", 1)])
    await database.memberships.create_index([("kind", 1), ("group", 1), ("created_at", -1)])
