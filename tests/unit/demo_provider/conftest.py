from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest

from tollway.demo_provider import DemoProvider, demo_provider

Post = Callable[..., Awaitable[aiohttp.ClientResponse]]

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
BOTH_KEYS = {"Authorization": "Bearer k", "x-api-key": "k", "anthropic-version": "2023-06-01"}


@pytest.fixture
async def provider() -> AsyncIterator[DemoProvider]:
    async with demo_provider() as running:
        yield running


@pytest.fixture
async def http(provider: DemoProvider) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=90)
    async with aiohttp.ClientSession(provider.url, headers=BOTH_KEYS, timeout=timeout) as session:
        yield session


@pytest.fixture
def post(http: aiohttp.ClientSession) -> Iterator[Post]:
    responses: list[aiohttp.ClientResponse] = []

    async def send(model: str, path: str = "/v1/chat/completions", **fields: object) -> aiohttp.ClientResponse:
        extra = {"max_tokens": 1000} if path == "/v1/messages" else {}
        responses.append(await http.post(path, json={"model": model, **HELLO, **extra, **fields}))
        return responses[-1]

    yield send
    for response in responses:
        response.close()
