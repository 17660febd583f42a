"""The store is away or hangs, while services run and when they start: who is served, who gets 503, and the way back."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.stack import Stack
from tests.support.store_server import StoreServer
from tests.support.traffic import MESSAGES, until
from tests.support.trouble import whole

WORKERS = dict.fromkeys(("edge", "auth", "guardrails", "router", "billing", "admin"), 1)
MAX_AGE = 15.0
"""Seconds that a cached key works without the store in this stack."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A store that the stack did not start, so that nobody starts it again."""
    with StoreServer(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture(scope="module")
def stack(store: StoreServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One worker of each service on that store."""
    config = {
        "auth": {"max_age_seconds": MAX_AGE},
        "models": [{"model_name": "configured", "deployments": [{"provider": "demo", "model": "demo"}]}],
    }
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, env={"MONGODB_URL": store.url}, config=config) as running:
        yield running


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client of the stack."""
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=90)) as session:
        yield session


async def status(client: aiohttp.ClientSession, key: str, model: str = "configured") -> int:
    """Ask for a completion and return the status."""
    body = {"model": model, "messages": MESSAGES}
    async with client.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}) as answer:
        await answer.read()
        return answer.status


async def manage(client: aiohttp.ClientSession, stack: Stack, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Call a management route with the master key."""
    async with client.post(path, json=body, headers=stack.headers()) as answer:
        return answer.status, await answer.json()


async def missing(client: aiohttp.ClientSession) -> str:
    """Return what readiness says is missing."""
    async with client.get("/health/readiness") as answer:
        return " ".join((await answer.json())["missing"])


async def becomes(
    client: aiohttp.ClientSession, key: str, wanted: int, timeout: float = 90.0, *, model: str = "configured"
) -> None:
    """Ask until a key gets this status."""
    end = time.monotonic() + timeout
    while (got := await status(client, key, model)) != wanted:
        assert time.monotonic() < end, f"{got} instead of {wanted}"
        await asyncio.sleep(0.05)


@contextlib.contextmanager
def away(store: StoreServer, how: str) -> Iterator[None]:
    """Have the store refuse connections, or hang."""
    if how == "refused":
        store.stop()
    else:
        store.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        if how == "refused":
            store.start()
        else:
            store.signal(signal.SIGCONT)


@pytest.mark.parametrize("how", ["refused", "frozen"])
async def test_keys_in_the_cache_work_and_unknown_ones_get_503(
    stack: Stack, store: StoreServer, client: aiohttp.ClientSession, how: str
) -> None:
    """A cached key works up to its stated age, an unknown one is not called bad, and no change is made."""
    await whole(stack, WORKERS)
    code, generated = await manage(client, stack, "/key/generate", {})
    assert code == 200
    key, unknown = generated["key"], f"sk-nobody-has-this-key-{how}"
    assert await status(client, key) == 200
    with away(store, how):
        assert await status(client, key) == 200
        assert await status(client, unknown) == 503
        assert await status(client, key) == 200
        assert await status(client, stack.master_key) == 200
        code, told = await manage(client, stack, "/key/generate", {})
        assert (code, told["error"]["code"]) == (503, "unavailable")
        await until_missing(client, "database")
        await becomes(client, key, 503, MAX_AGE + 60)
        assert await status(client, stack.master_key) == 200
    await becomes(client, key, 200)
    await becomes(client, unknown, 401)
    await until_missing(client, "")
    assert (await manage(client, stack, "/key/generate", {}))[0] == 200


@pytest.mark.parametrize("how", ["refused", "frozen"])
async def test_services_start_without_the_store(
    stack: Stack, store: StoreServer, client: aiohttp.ClientSession, how: str
) -> None:
    """Configured models serve the master key, virtual keys get 503 and not 401, and all comes back by itself."""
    await whole(stack, WORKERS)
    generated = (await manage(client, stack, "/key/generate", {}))[1]
    added = {
        "model_name": f"stored-{how}",
        "litellm_params": {"model": "demo/demo", "api_base": stack.demo_url, "api_key": stack.secret("demo_key")},
    }
    code, told = await manage(client, stack, "/model/new", added)
    assert code == 200, told
    with away(store, how):
        killed = {name: stack.kill(name) for name in ("auth", "router", "billing", "admin")}
        await until(lambda: all(stack.pids(name) not in ([], [pid]) for name, pid in killed.items()), 90)
        await becomes(client, stack.master_key, 200)
        assert await status(client, generated["key"]) == 503
        assert await status(client, stack.master_key, f"stored-{how}") == 503
        await until_missing(client, "stored models")
    await becomes(client, generated["key"], 200)
    await becomes(client, stack.master_key, 200, model=f"stored-{how}")
    assert await status(client, stack.master_key, "nobody-has-this-model") == 404
    await until_missing(client, "")


async def until_missing(client: aiohttp.ClientSession, what: str, timeout: float = 90.0) -> None:
    """Wait until readiness names something as missing, or nothing at all."""
    end = time.monotonic() + timeout
    while (what not in (said := await missing(client))) or (not what and said):
        assert time.monotonic() < end, f"readiness says {said!r}"
        await asyncio.sleep(0.05)
