"""The composition root of auth: the stage that tells who is asking and whether they may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.auth.handlers import Admission
from services.auth.key_cache import KeyCache
from shared.bus.changes import ChangeFollower
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.settings import Runtime
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.keys import Keys


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it."""
    settings = runtime.configuration
    store = Store.open(runtime.mongodb_url)
    keys = KeyCache(Keys(store).find, settings.auth.cached_keys)
    follower = ChangeFollower(worker, Changes(store), on_change=keys.forget, on_reset=keys.clear)
    keys.follower = follower
    admission = Admission(
        keys,
        follower,
        master=runtime.master_key_digest,
        secret=runtime.secret,
        max_age_seconds=settings.auth.max_age_seconds,
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
