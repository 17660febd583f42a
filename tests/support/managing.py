"""Management over HTTP, as an operator's script does it."""

from types import TracebackType
from typing import Any

import aiohttp

from tests.support.stack import Stack


class Reply:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], text: str, body: Any) -> None:
        self.status = status
        self.headers = headers
        self.text = text
        self.body = body

    @property
    def param(self) -> str:
        """The field that an error names."""
        return str(self.body["error"]["param"])

    @property
    def message(self) -> str:
        """What an error says."""
        return str(self.body["error"]["message"])


class Management:
    """Asks routes with a key, the master key unless given."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._session = aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=90))

    async def get(self, path: str, key: str | None = None, **query: str) -> Reply:
        """Ask a GET route."""
        return await self.ask("GET", path, key, query=query)

    async def post(self, path: str, key: str | None = None, **body: Any) -> Reply:
        """Ask a POST route."""
        return await self.ask("POST", path, key, body)

    async def ask(
        self,
        method: str,
        path: str,
        key: str | None = None,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, str] | None = None,
    ) -> Reply:
        """Ask any route."""
        request = self._session.request(method, path, json=body, params=query, headers=self._stack.headers(key))
        async with request as answer:
            return Reply(answer.status, dict(answer.headers), await answer.text(), await answer.json())

    async def __aenter__(self) -> "Management":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
