"""Puts together what tells who holds a token."""

from services.auth.jwt.holders import Holders
from services.auth.jwt.issuers import Issuers
from services.auth.jwt.newcomers import Newcomers
from services.auth.jwt.tokens import Tokens
from services.auth.knowledge import Knowledge
from shared.bus.changes import ChangeAnnouncer
from shared.bus.worker import Worker
from shared.settings import Configuration
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.telemetry import families


def token_holders(worker: Worker, store: Store, settings: Configuration, known: Knowledge) -> Holders:
    """Return what tells who holds a token of one of the issuers; whoever asked for it closes it."""
    issuers = Issuers(settings.auth.jwt)
    tokens = Tokens(issuers.trusted, settings.auth.cached_tokens)
    # Only the clock of admin is heard; auth announces the changes that it makes, and no other.
    newcomers = Newcomers(store, ChangeAnnouncer(worker, Changes(store)), settings.defaults.users)
    worker.metrics.watch_cache("tokens", lambda: len(tokens))
    worker.metrics.watch(families.JWT_KEY_FETCHES, lambda: issuers.fetched, "read")
    worker.metrics.watch(families.JWT_KEY_FETCHES, lambda: issuers.failed, "failed")
    return Holders(issuers, tokens, newcomers, known.records, known.standings)
