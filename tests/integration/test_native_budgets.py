"""Native requests under a budget, on the whole stack: what they may cost is held first, however they come."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web

from shared.bus.bodies import INLINE_BYTES
from shared.pricing.money import NANO
from shared.schemas.limits import Limits, ModelLimits
from tests.support.books import Books
from tests.support.limited import limited_key
from tests.support.stack import Stack
from tollway.stack.servers import free_port

PORT = free_port()
MOST_JSON = 2 * 1024**2
PRICED = {
    "provider": "openai",
    "model": "priced",
    "api_base": f"http://127.0.0.1:{PORT}",
    "api_key": "sk-of-the-provider",
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
}
CONFIG = {
    "server": {"max_body_bytes": MOST_JSON},
    "models": [{"model_name": "priced", "deployments": [PRICED]}],
}
TEXT = "word " * 100_000
LARGE = {"model": "priced", "max_tokens": 10, "messages": [{"role": "user", "content": TEXT}]}
HELD_BY_TEXT = 100_000 * 1000
"""Nano-dollars for the text alone: a token is a word here."""
HELD_BY_FORM = 1000 * 1000 + 4096 * 2000
"""One piece of audio, and an answer of usual length."""
AUDIO = b"\0" * 50_000
CHAT, TRANSCRIPTIONS = "/openai/v1/chat/completions", "/openai/v1/audio/transcriptions"


class Provider:
    """Takes whole requests, and answers when the test lets it."""

    def __init__(self) -> None:
        self.taken = 0
        self.size = 0
        """Bytes of the last body."""
        self.go_on = asyncio.Event()
        self.says: dict[str, str] = {"model": "priced"}
        """What an answer tells of the model."""

    async def answer(self, request: web.Request) -> web.Response:
        """Read the body, and say what it used."""
        self.size = sum([len(piece) async for piece in request.content.iter_any()])
        self.taken += 1
        await self.go_on.wait()
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        return web.json_response(self.says | {"choices": [], "usage": usage})


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two auth workers and two of pass-through."""
    workers = {"auth": 2, "passthrough": 2}
    with Stack(tmp_path_factory.mktemp("native"), workers=workers, config=CONFIG) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own."""
    async with aiohttp.ClientSession(stack.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """Where `/openai` leads."""
    provider = Provider()
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", provider.answer)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    yield provider
    provider.go_on.set()
    await runner.cleanup()


def form(*, model_first: bool = True, audio: bytes = AUDIO) -> aiohttp.FormData:
    """Return a form with a file."""
    data = aiohttp.FormData()
    if model_first:
        data.add_field("model", "priced")
    data.add_field("file", audio, filename="speech.wav", content_type="audio/wav")
    if not model_first:
        data.add_field("model", "priced")
    return data


async def chunked(body: bytes) -> AsyncIterator[bytes]:
    """Send a body without saying how long it is."""
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def sent(kind: str) -> dict[str, Any]:
    """Return how a request of this kind is sent; a body is made anew for each."""
    large, json_type = json.dumps(LARGE).encode(), {"content-type": "application/json"}
    return {
        "json": lambda: {"data": large, "headers": json_type},
        "json-chunked": lambda: {"data": chunked(large), "headers": json_type},
        "json-as-text": lambda: {"data": large, "headers": {"content-type": "text/plain"}},
        "form": lambda: {"data": form()},
        "form-large": lambda: {"data": form(audio=AUDIO * 10)},
        "form-last": lambda: {"data": form(model_first=False, audio=AUDIO * 10)},
        "form-chunked": lambda: {"data": _streamed_form(), "headers": _FORM_TYPE},
    }[kind]()  # type: ignore[no-any-return]


_FORM_TYPE = {"content-type": "multipart/form-data; boundary=b0undary"}


def _streamed_form() -> AsyncIterator[bytes]:
    return chunked(_written_form(AUDIO * 10))


def _written_form(audio: bytes) -> bytes:
    head = b'--b0undary\r\nContent-Disposition: form-data; name="model"\r\n\r\npriced\r\n'
    file = b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return head + file + audio + b"\r\n--b0undary--\r\n"


async def call(http: aiohttp.ClientSession, key: str, path: str, **how: Any) -> tuple[int, str, Mapping[str, str]]:
    """Send a request and return status, code of the error and headers."""
    headers = {"Authorization": f"Bearer {key}"} | how.pop("headers", {})
    async with http.post(path, headers=headers, **how) as answer:
        told = await answer.json()
        return answer.status, told.get("error", {}).get("code", ""), answer.headers


@asynccontextmanager
async def at_once(
    http: aiohttp.ClientSession, key: str, path: str, kind: str, number: int = 12
) -> AsyncIterator[list["asyncio.Task[tuple[int, str, Mapping[str, str]]]"]]:
    """Have so many requests under way, each of this kind."""
    calls = [asyncio.ensure_future(call(http, key, path, **sent(kind))) for _ in range(number)]
    try:
        yield calls
    finally:
        await asyncio.wait(calls, timeout=90)


@pytest.mark.parametrize(
    ("kind", "path", "budget", "passing"),
    [
        ("json", CHAT, 2 * HELD_BY_TEXT + HELD_BY_TEXT // 2, 3),
        ("json-chunked", CHAT, 2 * HELD_BY_TEXT + HELD_BY_TEXT // 2, 3),
        ("json-as-text", CHAT, 2 * HELD_BY_TEXT + HELD_BY_TEXT // 2, 3),
        ("form", TRANSCRIPTIONS, 2 * HELD_BY_FORM + HELD_BY_FORM // 2, 3),
        ("form-large", TRANSCRIPTIONS, 2 * HELD_BY_FORM + HELD_BY_FORM // 2, 1),
        ("form-chunked", TRANSCRIPTIONS, 2 * HELD_BY_FORM + HELD_BY_FORM // 2, 1),
        ("form-last", TRANSCRIPTIONS, 2 * HELD_BY_FORM + HELD_BY_FORM // 2, 1),
    ],
)
async def test_so_many_at_once_as_the_budget_has_room_for(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider, kind: str, path: str, budget: int, passing: int
) -> None:
    """None of them has ended yet; the others are told to come again, and nobody was called for them."""
    key = await limited_key(stack, Limits(max_budget=budget))
    async with at_once(http, key, path, kind) as calls:
        async with asyncio.timeout(90):
            while sum(one.done() for one in calls) < 12 - passing:
                await asyncio.sleep(0.02)
            while provider.taken < passing:
                await asyncio.sleep(0.02)
        provider.go_on.set()
        results = [await one for one in calls]
    assert Counter(status for status, _, _ in results) == {200: passing, 429: 12 - passing}
    assert {code for status, code, _ in results if status == 429} == {"budget_held"}
    assert all(int(headers["retry-after"]) >= 1 for status, _, headers in results if status == 429)
    assert provider.taken == passing
    # What they really used stands instead of what they held: 120 microdollars each.
    async with asyncio.timeout(60):
        while (await call(http, key, path, **sent(kind)))[0] != 200:
            await asyncio.sleep(0.1)


async def test_spent_money_stops_everything(stack: Stack, http: aiohttp.ClientSession, provider: Provider) -> None:
    """A large body too is refused before anybody is called, and so is what costs nothing."""
    provider.go_on.set()
    key = await limited_key(stack, Limits(max_budget=1000))
    assert (await call(http, key, CHAT, **sent("json")))[0] == 200
    async with asyncio.timeout(60):
        while (found := await call(http, key, CHAT, **sent("json")))[0] == 200:
            await asyncio.sleep(0.1)
    taken = provider.taken
    assert found[:2] == (400, "budget_exceeded")
    assert (await call(http, key, TRANSCRIPTIONS, **sent("form")))[:2] == (400, "budget_exceeded")
    async with http.get("/openai/v1/models", headers={"Authorization": f"Bearer {key}"}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "budget_exceeded")
    assert provider.taken == taken


async def test_a_models_own_limits_hold_for_large_bodies(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """The model stands in the body; all of the key's scopes and the model's are one question."""
    provider.go_on.set()
    key = await limited_key(stack, Limits(rpm=100, models={"priced": ModelLimits(rpm=2)}))
    async with at_once(http, key, CHAT, "json", 6) as calls:
        results = [await one for one in calls]
    assert Counter(status for status, _, _ in results) == {200: 2, 429: 4}
    assert {headers["x-tollway-limit-scope"] for status, _, headers in results if status == 429} == {"key_model"}
    other = json.dumps(LARGE | {"model": "another"}).encode()
    assert (await call(http, key, CHAT, data=other, headers={"content-type": "application/json"}))[0] == 200


async def test_a_model_behind_a_large_file_is_no_way_past_its_limits(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """A form that names its model last counts in the limits of each model that has its own."""
    provider.go_on.set()
    key = await limited_key(stack, Limits(models={"priced": ModelLimits(rpm=2), "other": ModelLimits(rpm=100)}))
    async with at_once(http, key, TRANSCRIPTIONS, "form-last", 6) as calls:
        results = [await one for one in calls]
    assert Counter(status for status, _, _ in results) == {200: 2, 429: 4}
    assert {headers["x-tollway-limit-scope"] for status, _, headers in results if status == 429} == {"key_model"}
    async with http.get("/openai/v1/models", headers={"Authorization": f"Bearer {key}"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("size", [100, 50_000, 500_000])
async def test_what_was_looked_at_goes_on_whole(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider, size: int
) -> None:
    """A form of unknown length, shorter or longer than what is read of it first."""
    provider.go_on.set()
    key = await limited_key(stack, Limits(max_budget=NANO))
    form = _written_form(b"a" * size)
    assert (await call(http, key, TRANSCRIPTIONS, data=chunked(form), headers=_FORM_TYPE))[0] == 200
    assert provider.size == len(form)


async def test_tokens_of_large_bodies_are_counted(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """As of short ones; bytes of audio are no tokens."""
    key = await limited_key(stack, Limits(tpm=250_000))
    async with at_once(http, key, CHAT, "json", 5) as calls:
        async with asyncio.timeout(90):
            while sum(one.done() for one in calls) < 3:
                await asyncio.sleep(0.02)
        provider.go_on.set()
        results = [await one for one in calls]
    assert Counter(status for status, _, _ in results) == {200: 2, 429: 3}
    key = await limited_key(stack, Limits(tpm=20_000))
    async with at_once(http, key, TRANSCRIPTIONS, "form-large", 5) as calls:
        assert Counter(status for status, _, _ in [await one for one in calls]) == {200: 5}


async def test_what_a_form_that_was_left_is_billed(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """Its audio is no text, with limits or without."""
    books = Books(stack)
    try:
        for name, limits in (("left-limited", Limits(tpm=20_000)), ("left-free", Limits())):
            key, before = await limited_key(stack, limits), provider.taken
            left = asyncio.ensure_future(call(http, key, TRANSCRIPTIONS, data=form(), headers={"x-request-id": name}))
            async with asyncio.timeout(90):
                while provider.taken == before:
                    await asyncio.sleep(0.02)
            left.cancel()
            [entry] = await books.labelled(name, 1)
            assert (entry["outcome"], entry["prompt_tokens"], entry["cost"]) == ("cancelled", 0, 0)
    finally:
        await books.close()


async def test_a_form_that_names_two_models_is_refused(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """Also where a file of any size stands between them: a provider that reads the last one never has it whole."""
    provider.go_on.set()
    for limits in (Limits(max_budget=NANO), Limits()):
        key, before = await limited_key(stack, limits), provider.taken
        for size in (10, 2 * INLINE_BYTES):
            two = form(audio=b"a" * size)
            two.add_field("model", "dear")
            status, code = (await call(http, key, TRANSCRIPTIONS, data=two))[:2]
            assert (status, code, provider.taken) == (400, "invalid_request", before)


async def test_a_form_is_billed_by_the_model_that_it_names_wherever(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """Where the answer names none; with a part that readers may take in two ways it is the dearest, as an estimate."""
    provider.go_on.set()
    provider.says = {}
    odd = _written_form(b"a").replace(b'name="file"', b"name=file")
    books = Books(stack)
    try:
        key = await limited_key(stack, Limits())
        for name, body, headers in (
            ("named-last", form(model_first=False, audio=b"a" * 2 * INLINE_BYTES), {}),
            ("named-oddly", odd, _FORM_TYPE),
        ):
            answer = await call(http, key, TRANSCRIPTIONS, data=body, headers={"x-request-id": name, **headers})
            assert answer[0] == 200
        [last], [oddly] = await books.labelled("named-last", 1), await books.labelled("named-oddly", 1)
        assert (last["model_group"], last["cost"]) == ("priced", 100 * 1000 + 10 * 2000)
        [attempt] = oddly["attempts"]
        assert oddly["cost"] > last["cost"]
        assert attempt["usage"]["estimated"]
    finally:
        await books.close()


async def test_what_cannot_be_told_is_not_sent_under_a_budget(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """Calls whose cost no answer tells, models without a price, compressed and endless JSON; others may send them."""
    provider.go_on.set()
    poor, free = await limited_key(stack, Limits(max_budget=NANO)), await limited_key(stack, Limits(rpm=1000))
    json_type = {"content-type": "application/json"}
    unpriced = json.dumps(LARGE | {"model": "nobody-knows-its-price"}).encode()
    endless = json.dumps(LARGE | {"messages": [{"role": "user", "content": "a" * (MOST_JSON + 1)}]}).encode()
    broken = b'{"model": "priced", "messages": [{"role": "user", "content": "%b"}]}'
    batch, named = b'{"input_file_id": "file-1"}', b'{"model": "priced", "training_file": "file-1"}'
    for path, body, headers, refused in (
        ("/openai/v1/batches", batch, json_type, (403, "call_unpriced")),
        ("/openai/v1/fine_tuning/jobs", named, json_type, (403, "call_unpriced")),
        (CHAT, unpriced, json_type, (403, "model_unpriced")),
        (CHAT, b"\x1f\x8b" + bytes(INLINE_BYTES), json_type | {"content-encoding": "gzip"}, (403, "permission_denied")),
        (CHAT, b"\x1f\x8b" + bytes(100), json_type | {"content-encoding": "gzip"}, (403, "permission_denied")),
        (CHAT, endless, json_type, (413, "request_too_large")),
        (CHAT, json.dumps(LARGE).encode("utf-16"), json_type, (400, "invalid_request")),
        (CHAT, json.dumps(LARGE).encode("utf-16"), {"content-type": "text/plain"}, (400, "invalid_request")),
        (CHAT, broken % b"\xff", json_type, (400, "invalid_request")),
        (CHAT, broken % (b"\xff" * 100_000), json_type, (400, "invalid_request")),
    ):
        before = provider.taken
        assert (await call(http, poor, path, data=io.BytesIO(body), headers=headers))[:2] == refused, path
        assert provider.taken == before
        assert (await call(http, free, path, data=io.BytesIO(body), headers=headers))[0] == 200, path
    for path in ("/openai/v1/files", "/openai/v1/moderations"):
        assert (await call(http, poor, path, data=form()))[0] == 200


async def test_100_mb_go_up_under_a_budget_with_flat_memory(
    stack: Stack, http: aiohttp.ClientSession, provider: Provider
) -> None:
    """The form's beginning is all that is read of it."""
    provider.go_on.set()
    key = await limited_key(stack, Limits(max_budget=NANO))
    processes = [psutil.Process(pid) for name in ("edge", "passthrough") for pid in stack.pids(name)]

    async def body() -> AsyncIterator[bytes]:
        yield b'--b0undary\r\nContent-Disposition: form-data; name="model"\r\n\r\npriced\r\n'
        yield b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(100):
            yield bytes(1024**2)
        yield b"\r\n--b0undary--\r\n"

    assert (await call(http, key, TRANSCRIPTIONS, data=body(), headers=_FORM_TYPE))[0] == 200
    before = [process.memory_info().rss for process in processes]
    most = 0
    upload = asyncio.ensure_future(call(http, key, TRANSCRIPTIONS, data=body(), headers=_FORM_TYPE))
    while not upload.done():
        grown = [process.memory_info().rss - was for process, was in zip(processes, before, strict=True)]
        most = max(most, *grown)
        await asyncio.sleep(0.02)
    assert (await upload)[0] == 200
    assert most < 24 * 1024**2, f"grown by {most / 1024**2:.1f} MB"
