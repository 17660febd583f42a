"""The composition root of auth: the stage that tells who is asking and whether they may."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from services.auth.handlers import Admission
from services.auth.key_cache import KeyCache
from shared.bus.changes import ChangeFollower
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.schemas.control import Change
from shared.settings import Runtime
from shared.settings.file import AuthSettings
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.keys import Keys

if TYPE_CHECKING:
    from services.auth.jwt.holders import Holders


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it."""
    settings = runtime.configuration
    store = Store.open(runtime.mongodb_url, owner=worker.id, alive=worker.present)
    keys = KeyCache(Keys(store).find, settings.auth.cached_keys)
    async with _token_holders(worker, store, settings.auth) as holders:
        follower = _follower(worker, store, keys, holders)
        admission = Admission(
            keys,
            follower,
            master=runtime.master_key_digest,
            secret=runtime.secret,
            max_age_seconds=settings.auth.max_age_seconds,
            holders=holders,
        )
        stage = Stage(worker, admission.admit, max_in_hand=settings.max_in_hand)
        worker.metrics.watch_cache("keys", lambda: len(keys))
        worker.metrics.watch_cache("unknown_keys", lambda: keys.unknown)
        worker.missing = lambda: ("the database does not answer",) if follower.store_away else ()
        await follower.start()
        await stage.start()
        try:
            yield
        finally:
            await stage.drain(settings.server.drain_seconds)
            await follower.close()
    await store.close()


def _token_holders(
    worker: Worker, store: Store, settings: AuthSettings
) -> "AbstractAsyncContextManager[Holders | None]":
    if not settings.jwt:
        return nullcontext()
    # Its libraries take 10 MB and 50 ms, which only those who use it pay.
    from services.auth.jwt.building import token_holders

    return token_holders(worker, store, settings)


def _follower(worker: Worker, store: Store, keys: KeyCache, holders: "Holders | None") -> ChangeFollower:
    def forget(change: Change) -> None:
        keys.forget(change)
        if holders is not None:
            holders.forget(change)

    def clear() -> None:
        keys.clear()
        if holders is not None:
            holders.clear()

    follower = ChangeFollower(worker, Changes(store), on_change=forget, on_reset=clear)
    keys.follower = follower
    if holders is not None:
        holders.follower = follower
    return follower
