"""Puts together what tells who holds a token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.auth.jwt.holders import Holders
from services.auth.jwt.issuers import Issuers
from services.auth.jwt.newcomers import Newcomers
from services.auth.jwt.tokens import Tokens
from services.auth.records import Records
from services.auth.standings import Standings
from shared.bus.changes import ChangeAnnouncer
from shared.bus.worker import Worker
from shared.settings.file import AuthSettings
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.telemetry import families


@asynccontextmanager
async def token_holders(
    worker: Worker, store: Store, settings: AuthSettings, records: Records, standings: Standings
) -> AsyncIterator[Holders]:
    """Open what the issuers need, and close it again."""
    issuers = Issuers(settings.jwt)
    tokens = Tokens(issuers.trusted, settings.cached_tokens)
    # Only the clock of admin is heard; auth announces the changes that it makes, and no other.
    newcomers = Newcomers(store, ChangeAnnouncer(worker, Changes(store)))
    worker.metrics.watch_cache("tokens", lambda: len(tokens))
    worker.metrics.watch(families.JWT_KEY_FETCHES, lambda: issuers.fetched, "read")
    worker.metrics.watch(families.JWT_KEY_FETCHES, lambda: issuers.failed, "failed")
    try:
        yield Holders(tokens, newcomers, records, standings)
    finally:
        await newcomers.close()
        await issuers.close()
