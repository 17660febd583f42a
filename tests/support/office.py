"""Asks the admin stage the way edge and auth ask it, for tests of admin that need no other service."""

import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from shared.bus.credit import ANSWER_WINDOW
from shared.bus.lane_reader import Lanes
from shared.bus.stage import Stage
from shared.schemas.context import Principal, RequestContext
from shared.store.connection import Store

MASTER = Principal("proxy_admin")


class Reply:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.text = data.decode()

    @property
    def body(self) -> Any:
        """The JSON of an answer."""
        return json.loads(self.text)


class Office:
    """Stands where edge and auth stand: it sends what they would send and reads the lane."""

    def __init__(self, sender: Stage, lanes: Lanes, store: Store) -> None:
        self._sender = sender
        self._lanes = lanes
        self._numbers = itertools.count()
        self.store = store

    async def get(self, route: str, principal: Principal = MASTER, **query: Any) -> Reply:
        """Ask a GET route."""
        return await self.ask(route, principal, "GET", urlencode(query))

    async def post(self, route: str, principal: Principal = MASTER, **body: Any) -> Reply:
        """Ask a POST route."""
        return await self.ask(route, principal, "POST", body=json.dumps(body).encode())

    async def ask(
        self, route: str, principal: Principal, method: str, query: str = "", body: bytes = b"", path: str = ""
    ) -> Reply:
        """Ask any route; `path` is the one that the edge matched, decoded."""
        token = f"r{next(self._numbers)}"
        now = time.time()
        lane = self._lanes.open(token, ANSWER_WINDOW)
        ctx = RequestContext(
            id=token, lane=self._lanes.subject(token), edge=self._lanes.prefix, route=route, dialect="openai",
            deadline=now + 60, send_by=now + 60, received=now, credit=ANSWER_WINDOW, next="admin", method=method,
            path=path, query=query, client="192.0.2.1", principal=principal,
        )  # fmt: skip
        self._sender.forward("admin", ctx, body)
        try:
            frame = await lane.next(60)
            assert frame is not None, "admin fell silent"
            header, data = frame
            received, opening = bytearray(data), header.open
            lane.consumed(len(data))
            while header.end is None and header.error is None:
                frame = await lane.next(60)
                assert frame is not None, "admin fell silent"
                header, data = frame
                received += data
                lane.consumed(len(data))
        finally:
            lane.close()
        if header.error is not None:
            error = {"message": header.error.message, "param": header.error.param, "code": header.error.code}
            return Reply(header.error.status, {}, json.dumps(error).encode())
        assert opening is not None
        return Reply(opening.status, dict(opening.headers), bytes(received))
