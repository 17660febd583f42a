"""Auth workers on a real bus and store, between a stand-in for the edge and one for the next stage."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.auth.app import build
from shared.bus import subjects
from shared.bus.bodies import BodyShelf
from shared.bus.credit import ANSWER_WINDOW
from shared.bus.envelope import join
from shared.bus.lane_reader import Lanes
from shared.bus.setup import ensure_streams
from shared.bus.stage import Call, Stage, with_body
from shared.bus.worker import Worker
from shared.errors import ErrorBody
from shared.schemas.context import RequestContext
from shared.schemas.control import ChangeKind
from shared.schemas.frames import Ending
from shared.security.keys import key_digest, stored_hash
from shared.settings import Configuration, Runtime
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.keys import KeyRecord, Keys
from shared.store.objects import Objects
from tests.support.haste import in_haste

SECRET = b"0123456789abcdef"
NEXT = ("guardrails", "router", "admin", "passthrough")
"""The services to which auth may hand a request on."""


def hash_of(key: str) -> str:
    """Return the hash under which a key is stored here."""
    return stored_hash(key_digest(key), SECRET)


@dataclass
class AuthStages:
    """What a test needs to ask each auth worker, and to change what they know."""

    store: Store
    edge: Worker
    lanes: Lanes
    shelf: BodyShelf
    workers: list[Worker]
    passed: list[RequestContext] = field(default_factory=list)
    asked: int = 0

    async def insert(self, *keys: KeyRecord) -> None:
        """Store keys that nobody knows yet."""
        for key in keys:
            await Keys(self.store).insert(key)

    async def write(self, objects: Objects[Any], record: Any, kind: ChangeKind) -> None:
        """Write a record and tell of it, as admin does."""

        async def work(session: Any) -> Any:
            await objects.delete(record.id, session)
            await objects.insert(record, session)
            return await Changes(self.store).record(kind, record.id, session)

        await self._announce(await self.store.atomically(work))

    async def delete(self, objects: Objects[Any], id: str, kind: ChangeKind) -> None:
        """Delete a record and tell of it, as admin does."""

        async def work(session: Any) -> Any:
            await objects.delete(id, session)
            return await Changes(self.store).record(kind, id, session)

        await self._announce(await self.store.atomically(work))

    async def announce(self, kind: ChangeKind, id: str) -> None:
        """Tell of a change that was written already."""
        await self._announce(await Changes(self.store).record(kind, id))

    async def _announce(self, change: Any) -> None:
        self.edge.bus.publish(subjects.change(change.kind), msgspec.json.encode(change))
        await self.edge.bus.barrier()

    async def ask(
        self,
        key: str,
        body: bytes = b"{}",
        *,
        worker: int = 0,
        model: str = "demo",
        by_reference: bool = False,
        **changes: Any,
    ) -> RequestContext | ErrorBody:
        """Send a request to one of the workers; return it as it went on, or the refusal."""
        self.asked += 1
        token = f"r{self.asked}"
        now = time.time()
        facts: dict[str, Any] = {
            "id": token,
            "lane": self.lanes.subject(token),
            "edge": self.lanes.prefix,
            "route": "chat_completions",
            "dialect": "openai",
            "deadline": now + 60,
            "send_by": now + 60,
            "received": now,
            "credit": ANSWER_WINDOW,
            "model": model,
            "credential": key_digest(key),
        }
        lane = self.lanes.open(token, ANSWER_WINDOW)
        try:
            ctx = RequestContext(**(facts | changes))
            if by_reference:
                ctx = with_body(ctx, self.shelf.keep(token, body))
                body = b""
            self.edge.bus.publish(subjects.worker_request("auth", self.workers[worker].id), join(ctx, body))
            frame = await lane.next(60)
        finally:
            lane.close()
        assert frame is not None, "nobody answered"
        header, _ = frame
        if header.error is not None:
            return header.error
        return next(ctx for ctx in self.passed if ctx.id == token)


@asynccontextmanager
async def auth_stages(
    worker_on: Any, eventually: Any, nats_url: str, mongodb_url: str, *, workers: int = 2, **configuration: Any
) -> AsyncIterator[AuthStages]:
    """Run auth workers, with the configuration that the keywords make."""
    runtime = Runtime(
        service="auth",
        configuration=Configuration.model_validate(configuration),
        nats_url=nats_url,
        mongodb_url=mongodb_url,
        secret=SECRET,
        master_key_digest=key_digest("sk-master"),
    )
    async with AsyncExitStack() as stack:
        store = Store.open(mongodb_url)
        stack.push_async_callback(store.close)
        edge = await stack.enter_async_context(worker_on("edge"))
        await ensure_streams(edge.bus)
        lanes = Lanes(edge)
        shelf = BodyShelf(edge)
        await lanes.start()
        await shelf.start()
        stages = AuthStages(store, edge, lanes, shelf, [])

        async def answer(call: Call) -> None:
            stages.passed.append(call.ctx)
            await call.lane.end(Ending())

        for service in NEXT:
            worker = await stack.enter_async_context(worker_on(service))
            stage = Stage(worker, answer, max_in_hand=1000)
            await stage.start()
            await worker.bus.barrier()
            worker.ready()
        for _ in range(workers):
            worker = await stack.enter_async_context(worker_on("auth"))
            await stack.enter_async_context(build(worker, runtime))
            await worker.bus.barrier()
            worker.ready()
            stages.workers.append(worker)
        await eventually(
            lambda: all(worker.members.alive(name, time.monotonic()) for worker in stages.workers for name in NEXT)
        )
        yield stages
        with in_haste():
            await stack.aclose()
