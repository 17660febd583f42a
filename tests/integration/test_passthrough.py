"""Pass-through on a real broker: the edge and the stage in this process, the demo provider or raw bytes behind them."""

import asyncio
import gzip
import hashlib
import io
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import psutil
import pytest
from yarl import URL

from shared.bus.setup import ensure_streams
from shared.bus.stage import Call, Stage
from shared.bus.subjects import EVENT_STREAM
from shared.bus.worker import Worker
from shared.telemetry.families import EVENTS_KEPT, EVENTS_STALLED, Family
from tests.support.nats_server import NatsServer
from tests.support.passthrough import KEY, LIMITED_KEY, PROVIDER_KEY, Gateway, gateway, worker_on
from tests.support.raw_upstream import RawUpstream, raw_upstream
from tollway.demo_provider import DemoProvider, demo_provider, unreachable

BEARER = {"Authorization": f"Bearer {KEY}"}
LIMITED = {"Authorization": f"Bearer {LIMITED_KEY}"}
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
MESSAGE = CHAT | {"max_tokens": 100}
MIB = 1024 * 1024


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that shows answers as they are."""
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        yield session


@pytest.fixture
async def demo() -> AsyncIterator[DemoProvider]:
    """The demo provider."""
    async with demo_provider(api_key=PROVIDER_KEY) as provider:
        yield provider


@pytest.fixture
async def raw() -> AsyncIterator[RawUpstream]:
    """An upstream that shows the bytes it got."""
    async with raw_upstream() as upstream:
        yield upstream


@pytest.fixture
async def on_demo(nats_server: NatsServer, tmp_path: Path, demo: DemoProvider) -> AsyncIterator[Gateway]:
    """A gateway in front of the demo provider."""
    async with gateway(nats_server, tmp_path, demo.url) as running:
        yield running


@pytest.fixture
async def on_raw(nats_server: NatsServer, tmp_path: Path, raw: RawUpstream) -> AsyncIterator[Gateway]:
    """A gateway in front of raw bytes."""
    async with gateway(nats_server, tmp_path, raw.url) as running:
        yield running


def shown(worker: Worker, family: Family) -> float:
    """Return what a worker's metrics say under a name."""
    samples = [sample for metric in worker.metrics.collect() for sample in metric.samples]
    return sum(sample.value for sample in samples if sample.name == family.name)


async def pieces_of(body: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield a body in pieces, which makes the client send it chunked."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def raw_request(url: str, request: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes or has answered."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            return await reader.read(65536)
    finally:
        writer.close()
        await writer.wait_closed()


# What arrives.


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_any_method_arrives_with_its_body(on_demo: Gateway, http: aiohttp.ClientSession, method: str) -> None:
    """The provider gets the method, the path and the query letter by letter, and the body byte by byte."""
    url = f"{on_demo.url}/openai/v1/echo/a%2Fb;c@d%20e?x=1&x=%20%2B&empty"
    async with http.request(method, URL(url, encoded=True), data=b"\x00\xff body", headers=BEARER) as answer:
        assert answer.status == 200
        assert await answer.read() == b"\x00\xff body"
        assert answer.headers["x-demo-method"] == method
        assert answer.headers["x-demo-path"] == "/v1/echo/a%2Fb;c@d%20e?x=1&x=%20%2B&empty"


async def test_random_bodies_in_random_chunks_come_back_as_they_were(
    on_demo: Gateway, http: aiohttp.ClientSession
) -> None:
    """Bodies of any size, sent whole or chunked anywhere, are equal on both sides."""
    chance = random.Random(7)
    sizes = [0, 1, 65535, 65536, 384 * 1024, 384 * 1024 + 1, MIB] + [chance.randrange(MIB) for _ in range(12)]
    for size in sizes:
        body = chance.randbytes(size)
        sent: Any = body if chance.random() < 0.5 else pieces_of(body, chance.choice([17, 4096, 65536, 300_000]) + 1)
        if size > 100_000 and not isinstance(sent, bytes):
            sent = pieces_of(body, chance.randrange(5_000, 200_000))
        async with http.post(f"{on_demo.url}/openai/v1/echo", data=sent, headers=BEARER) as answer:
            assert answer.status == 200
            assert await answer.read() == body


async def test_headers_arrive_without_those_of_the_connection_and_of_the_caller(
    on_raw: Gateway, raw: RawUpstream
) -> None:
    """End-to-end headers keep their order, case and number; everything about the hop or the client is gone."""
    request = (
        b"POST /openai/v1/anything HTTP/1.1\r\nHost: gateway\r\nX-B: 2\r\nx-A: 1\r\nX-B: 3\r\n"
        b"Authorization: Bearer " + KEY.encode() + b"\r\nX-Copy: the key is " + KEY.encode() + b"\r\n"
        b"Connection: keep-alive, X-Hop\r\nX-Hop: gone\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n"
        b"X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nCookie: session=1\r\n"
        b"OpenAI-Organization: org-of-somebody\r\nX-Tollway-Tags: a\r\nContent-Length: 2\r\n\r\nhi"
    )
    answer = await raw_request(on_raw.url, request)
    assert b"200 OK" in answer
    kept = [item for item in raw.headers() if item[0] not in ("host", "content-length")]
    assert kept == [("x-b", "2"), ("x-a", "1"), ("x-b", "3"), ("authorization", f"Bearer {PROVIDER_KEY}")]
    assert b"\r\nX-B: 2\r\nx-A: 1\r\nX-B: 3\r\n" in raw.requests[-1]
    assert KEY.encode() not in raw.requests[-1]


@pytest.mark.parametrize("name", ["x-api-key", "api-key", "x-tollway-api-key", "x-litellm-api-key", "Authorization"])
async def test_the_callers_key_is_taken_out_wherever_it_stands(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession, name: str
) -> None:
    """The provider sees its own key where its API wants it, and Tollway's key nowhere."""
    headers = {name: f"Bearer {KEY}" if name == "Authorization" else KEY}
    async with http.post(f"{on_raw.url}/anthropic/v1/anything", data=b"x", headers=headers) as answer:
        assert answer.status == 200
    seen = dict(raw.headers())
    assert seen["x-api-key"] == PROVIDER_KEY
    assert seen["anthropic-version"] == "2023-06-01"
    assert "authorization" not in seen
    assert KEY.encode() not in raw.requests[-1]


async def test_the_callers_anthropic_version_is_kept(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession
) -> None:
    """Version and betas are the caller's business."""
    headers = BEARER | {"anthropic-version": "2099-01-01", "anthropic-beta": "files"}
    async with http.get(f"{on_raw.url}/anthropic/v1/models", headers=headers) as answer:
        assert answer.status == 200
    seen = dict(raw.headers())
    assert (seen["anthropic-version"], seen["anthropic-beta"]) == ("2099-01-01", "files")


async def test_a_key_in_the_query_opens_nothing_and_goes_nowhere(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession
) -> None:
    """A key in the URL is no authentication, and beside a valid one it is refused, since URLs go on as they are."""
    for query in (f"key={KEY}", f"api_key={KEY}"):
        async with http.get(f"{on_raw.url}/openai/v1/models?{query}") as answer:
            assert answer.status == 401
        async with http.get(f"{on_raw.url}/openai/v1/models?{query}", headers=BEARER) as answer:
            assert answer.status == 400
    assert raw.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "/openai/../key/info",
        "/openai/v1/../../admin",
        "/openai/%2e%2e/admin",
        "/openai/%252e%252e/admin",
        "/openai/%25252e%25252e/admin",
        "/openai/v1/%2e/x",
        "/openai/..%2fadmin",
        "/openai/..;/admin",
        "/openai/..%5cadmin",
        "/openai/v1\\..\\admin",
        "/openai//evil.example/x",
        "/openai/%2f%2fevil.example",
        "/openai/v1/x%00y",
        "/openai/v1/x%0d%0aX-Injected:%201",
        "/openai/v1/x%zz",
        "/openai@evil.example/",
        "/openaievil/v1/models",
        "/%6fpenai/v1/models",
        "/OPENAI/v1/models",
        "http://evil.example/openai/v1/models",
        "//evil.example/openai/v1/models",
    ],
)
async def test_no_path_leads_out_of_the_target(on_raw: Gateway, raw: RawUpstream, target: str) -> None:
    """Whatever reading of a path could leave the configured base is refused before the provider is called."""
    request = f"GET {target} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    answer = await raw_request(on_raw.url, request)
    status = int(answer.split(b" ")[1])
    assert status in (400, 404), answer
    assert raw.requests == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /openai/v1 HTTP/1.1\r\nHost: g\r\n%s\r\nContent-Length: 5\r\nTransfer-Encoding:chunked\r\n\r\n0\r\n\r\n",
        b"POST /openai/v1/x HTTP/1.1\r\nHost: g\r\n%s\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /openai/v1/x HTTP/1.1\r\nHost: g\r\n%s\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET /openai/v1/x HTTP/1.1\r\nHost: g\r\n%s\r\nX-A: 1\r\n folded: 2\r\n\r\n",
        b"TRACE /openai/v1/x HTTP/1.1\r\nHost: g\r\n%s\r\n\r\n",
    ],
)
async def test_requests_that_two_parsers_read_differently_are_refused(
    on_raw: Gateway, raw: RawUpstream, request_bytes: bytes
) -> None:
    """Smuggling attempts, folded headers and TRACE never reach the provider."""
    answer = await raw_request(on_raw.url, request_bytes % b"".join([b"Authorization: Bearer ", KEY.encode()]))
    assert answer.split(b" ")[1] in (b"400", b"405", b"501"), answer
    assert raw.requests == []


# What comes back.


@pytest.mark.parametrize(
    ("method", "upstream", "status", "body"),
    [
        ("HEAD", b'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "e"\r\n\r\n', 200, b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        ("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n', 304, b""),
        (
            "GET",
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/10\r\nContent-Length: 4\r\n\r\n\x00abc",
            206,
            b"\x00abc",
        ),
        ("POST", b"HTTP/1.1 529 Overloaded\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nno.", 529, b"no."),
    ],
)
async def test_answers_keep_their_status_and_headers(
    on_raw: Gateway,
    raw: RawUpstream,
    http: aiohttp.ClientSession,
    method: str,
    upstream: bytes,
    status: int,
    body: bytes,
) -> None:
    """Answers without a body, parts of one, and errors come as the provider gave them."""
    raw.answer = upstream
    async with http.request(method, f"{on_raw.url}/openai/v1/x", headers=BEARER) as answer:
        assert answer.status == status
        assert await answer.read() == body
        for line in upstream.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            assert answer.headers[name] == value


async def test_answer_headers_come_as_often_as_they_were_sent_without_those_of_the_origin(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession
) -> None:
    """Repeated headers stay repeated; cookies, HSTS, CORS and hop-by-hop headers of the provider's host do not pass."""
    raw.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nLink: a\r\nLink: b\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
        b"Set-Cookie: a=b\r\nStrict-Transport-Security: max-age=1\r\nAccess-Control-Allow-Origin: *\r\n"
        b"X-Tollway-Cost: 0\r\n\r\nok"
    )
    async with http.get(f"{on_raw.url}/openai/v1/x", headers=BEARER) as answer:
        assert answer.headers.getall("link") == ["a", "b"]
        for name in ("x-hop", "set-cookie", "strict-transport-security", "access-control-allow-origin"):
            assert name not in answer.headers
        assert answer.headers.getall("x-tollway-cost") == ["0.0"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("{base}/v1/files/1?x=2", "/openai/v1/files/1?x=2"),
        ("/v1/files/1", "/openai/v1/files/1"),
        ("https://elsewhere.example/v1", "https://elsewhere.example/v1"),
        ("relative", "relative"),
    ],
)
async def test_redirects_are_handed_on(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession, location: str, expected: str
) -> None:
    """A redirect is not followed; where it points into the target, it leads through Tollway again."""
    raw.answer = (
        f"HTTP/1.1 302 Found\r\nLocation: {location.format(base=raw.url)}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    async with http.get(f"{on_raw.url}/openai/v1/x", headers=BEARER, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (302, expected)
    assert len(raw.requests) == 1


async def test_compressed_answers_stay_compressed_and_are_billed(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession
) -> None:
    """The client gets the very bytes; the usage is read from a copy that is unpacked."""
    plain = json.dumps({"model": "demo", "usage": {"prompt_tokens": 1000, "completion_tokens": 10}}).encode()
    packed = gzip.compress(plain)
    raw.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        % len(packed)
    ) + packed
    async with http.post(f"{on_raw.url}/openai/v1/chat/completions", json=CHAT, headers=BEARER) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert await answer.read() == packed
    [event] = await on_raw.completions()
    assert (event.attempts[0].usage.input, event.attempts[0].usage.output) == (1000, 10)
    assert event.cost == 1000 * 1000 + 10 * 2000


@pytest.mark.parametrize("encoding", [b"br", b"gzip"])
async def test_an_answer_that_cannot_be_read_goes_on_and_is_said_to_be_unpriced(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession, encoding: bytes
) -> None:
    """A failure of the reading never touches the answer."""
    raw.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: %b\r\nContent-Length: 7\r\n\r\nnonsens"
        % encoding
    )
    async with http.post(f"{on_raw.url}/openai/v1/chat/completions", json=CHAT, headers=BEARER) as answer:
        assert await answer.read() == b"nonsens"
        assert answer.headers["x-tollway-unpriced"] == "true"
    [event] = await on_raw.completions()
    assert (event.cost, event.attempts[0].unpriced) == (0, True)


# Streams and sizes.


async def test_both_directions_stream(on_demo: Gateway, http: aiohttp.ClientSession) -> None:
    """Each piece comes back while the request's body is still being sent."""
    turn: asyncio.Queue[bytes] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while piece := await turn.get():
            yield piece

    await turn.put(b"first")
    async with http.post(f"{on_demo.url}/openai/v1/echo", data=body(), headers=BEARER) as answer:
        for piece in (b"first", b"second", b"third"):
            assert await answer.content.readexactly(len(piece)) == piece
            await turn.put({b"first": b"second", b"second": b"third", b"third": b""}[piece])
        assert await answer.read() == b""


@asynccontextmanager
async def flat_memory(limit: int) -> AsyncIterator[None]:
    """Fail when this process, in which every part runs, grows by more than `limit` bytes meanwhile."""
    process = psutil.Process()
    before = peak = process.memory_info().rss

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(0.02)

    task = asyncio.ensure_future(watch())
    yield
    task.cancel()
    assert peak - before < limit, f"grew by {(peak - before) / MIB:.0f} MiB"


@pytest.mark.parametrize("declared", [True, False])
async def test_100_mb_go_up_with_flat_memory(on_demo: Gateway, http: aiohttp.ClientSession, declared: bool) -> None:
    """An upload of 100 MB arrives whole, and edge, worker, provider and client together grow by little."""
    piece, count = bytes(range(256)) * 1024, 400
    digest = hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(count):
            digest.update(piece)
            yield piece

    headers = BEARER | ({"Content-Length": str(len(piece) * count)} if declared else {})
    async with flat_memory(48 * MIB):
        async with http.post(f"{on_demo.url}/openai/v1/files", data=body(), headers=headers) as answer:
            told = await answer.json()
    assert (told["bytes"], told["sha256"]) == (len(piece) * count, digest.hexdigest())


async def test_100_mb_come_down_with_flat_memory_to_a_slow_reader(
    on_demo: Gateway, http: aiohttp.ClientSession
) -> None:
    """A download of 100 MB waits for its reader rather than pile up on the way."""
    piece, count = bytes(range(256)) * 1024, 400

    async def body() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece

    received, digest, expected = 0, hashlib.sha256(), hashlib.sha256()
    for _ in range(count):
        expected.update(piece)
    async with flat_memory(48 * MIB):
        async with http.post(f"{on_demo.url}/openai/v1/echo", data=body(), headers=BEARER) as answer:
            await asyncio.sleep(1)
            async for data in answer.content.iter_any():
                received += len(data)
                digest.update(data)
    assert (received, digest.digest()) == (len(piece) * count, expected.digest())


@pytest.mark.parametrize("declared", [True, False])
async def test_an_upload_over_the_limit_is_413(
    nats_server: NatsServer, tmp_path: Path, demo: DemoProvider, http: aiohttp.ClientSession, declared: bool
) -> None:
    """The edge's limit of uploads holds for bodies of known and of unknown length."""
    async with gateway(nats_server, tmp_path, demo.url, server={"max_upload_bytes": MIB}) as running:
        data: Any = io.BytesIO(bytes(2 * MIB)) if declared else pieces_of(bytes(2 * MIB), 65536)
        async with http.post(f"{running.url}/openai/v1/files", data=data, headers=BEARER) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["code"] == "request_too_large"


async def test_an_early_answer_ends_an_upload(on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession) -> None:
    """A provider that refuses without reading the body is heard while the client still sends."""
    raw.answer_early, raw.close = True, True
    raw.answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge"
    data = pieces_of(bytes(600_000), 65536)
    async with http.post(f"{on_raw.url}/openai/v1/files", data=data, headers=BEARER) as answer:
        assert (answer.status, await answer.read()) == (413, b"large")


# Ends.


async def test_a_client_that_leaves_ends_the_providers_work_within_a_second(
    on_demo: Gateway, demo: DemoProvider, http: aiohttp.ClientSession, eventually: Any
) -> None:
    """The provider's connection is closed in the middle of a stream, and what was used until then is billed.

    The quickest of three, on any machine.
    """
    chat, took = CHAT | {"model": "demo;rate=50/s;tokens=1000", "stream": True}, []
    for number in range(1, 4):
        async with http.post(f"{on_demo.url}/openai/v1/chat/completions", json=chat, headers=BEARER) as answer:
            for _ in range(4):
                await answer.content.readuntil(b'content":"')
            answer.close()
        left = time.monotonic()
        await eventually(lambda number=number: demo.counters.stats()["calls"]["cancelled"] == number)
        took.append(time.monotonic() - left)
    assert min(took) < 1.0
    for event in await on_demo.completions(3):
        assert (event.outcome, event.status) == ("cancelled", 499)
        assert event.attempts[0].usage.estimated
        assert event.attempts[0].usage.output > 0
        assert event.cost > 0


@pytest.mark.parametrize("behaviour", ["hang=first_byte", "hang=first_token"])
async def test_a_client_that_leaves_before_the_first_byte_ends_the_call(
    on_demo: Gateway, demo: DemoProvider, http: aiohttp.ClientSession, eventually: Any, behaviour: str
) -> None:
    """A silent provider is let go as soon as its caller is."""
    chat = CHAT | {"model": f"demo;{behaviour}", "stream": True}
    sending = asyncio.ensure_future(http.post(f"{on_demo.url}/openai/v1/chat/completions", json=chat, headers=BEARER))
    await eventually(lambda: demo.counters.stats()["calls"]["open"] == 1)
    if behaviour == "hang=first_byte":
        sending.cancel()
    else:
        (await sending).close()
    await eventually(lambda: demo.counters.stats()["calls"]["cancelled"] == 1)
    [event] = await on_demo.completions()
    assert event.outcome == "cancelled"


async def test_a_client_that_leaves_in_the_middle_of_an_upload_ends_it(
    on_raw: Gateway, raw: RawUpstream, eventually: Any
) -> None:
    """The provider sees a request that was cut, never one that looks complete."""
    host, _, port = on_raw.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /openai/v1/files HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 1000000\r\n\r\n"
    )
    writer.write(head.encode() + bytes(500_000))
    await writer.drain()
    await eventually(lambda: raw.begun == 1)
    writer.transport.abort()
    await eventually(lambda: len(raw.left) == 1 and not on_raw.passthrough.lanes)
    assert raw.requests == []
    [event] = await on_raw.completions()
    assert event.outcome == "cancelled"


async def test_an_answer_that_is_cut_never_looks_complete(on_demo: Gateway, http: aiohttp.ClientSession) -> None:
    """A stream whose provider disappears is cut for the client too; the event says interrupted, with what came."""
    chat = CHAT | {"model": "demo;cut=5;tokens=50", "stream": True}
    with pytest.raises(aiohttp.ClientError):
        async with http.post(f"{on_demo.url}/openai/v1/chat/completions", json=chat, headers=BEARER) as answer:
            await answer.read()
    [event] = await on_demo.completions()
    assert event.outcome == "interrupted"
    assert event.attempts[0].usage.output > 0


async def test_a_provider_that_does_not_answer_is_a_504(
    nats_server: NatsServer, tmp_path: Path, demo: DemoProvider, http: aiohttp.ClientSession
) -> None:
    """The first-byte and the connect clock end a call by name; a refused connection is 502."""
    with unreachable() as nowhere:
        endpoints = [
            {"path": "/slow", "target": demo.url + "/v1", "include_subpath": True, "timeouts": {"first_byte": 0.3}},
            {"path": "/nowhere", "target": nowhere, "timeouts": {"connect": 0.3}},
            {"path": "/refused", "target": "http://127.0.0.1:9"},
        ]
        endpoints[0]["headers"] = {"Authorization": f"Bearer {PROVIDER_KEY}"}
        async with gateway(nats_server, tmp_path, demo.url, pass_through_endpoints=endpoints) as running:
            hang = BEARER | {"x-demo-behaviour": "hang=first_byte"}
            async with http.post(f"{running.url}/slow/echo", data=b"x", headers=hang) as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (504, "provider_timeout")
            async with http.post(f"{running.url}/nowhere", data=b"x", headers=BEARER) as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (504, "provider_unreachable")
            async with http.post(f"{running.url}/refused", data=b"x", headers=BEARER) as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (502, "provider_unreachable")
                told = (answer.headers["x-tollway-attempts"], answer.headers["x-tollway-error-source"])
                assert told == ("1", "provider")
            events = await running.completions(3)
            assert {(event.outcome, event.cost, event.attempts[0].unpriced) for event in events} == {
                ("failure", 0, False)
            }


async def test_connections_are_used_again(on_demo: Gateway, demo: DemoProvider, http: aiohttp.ClientSession) -> None:
    """Answers that were read to their end give their connection back to the pool."""
    for _ in range(5):
        async with http.post(f"{on_demo.url}/openai/v1/chat/completions", json=CHAT, headers=BEARER) as answer:
            assert answer.status == 200
    process = psutil.Process()
    port = int(demo.url.rpartition(":")[2])
    open_to_demo = [item for item in process.net_connections("tcp") if item.raddr and item.raddr.port == port]
    assert len(open_to_demo) <= 2, "the last one may be on its way back to the pool"


# Lost workers.


@pytest.mark.parametrize("takes_a_piece", [False, True])
async def test_an_upload_is_repeated_only_while_it_is_whole(
    nats_server: NatsServer, tmp_path: Path, demo: DemoProvider, http: aiohttp.ClientSession, takes_a_piece: bool
) -> None:
    """A worker that falls silent before it took a byte is replaced; after that, the caller is told."""
    body = random.Random(1).randbytes(MIB)
    async with gateway(nats_server, tmp_path, demo.url) as running:
        async with worker_on(nats_server.url, "passthrough") as silent:
            taken = asyncio.Event()

            async def take(call: Call) -> None:
                assert call.ctx.body is not None
                if takes_a_piece:
                    await anext(stage.bodies.arriving_pieces(call.ctx.body))
                call.lane.close()
                taken.set()

            stage = Stage(silent, take, max_in_hand=10)
            await stage.start()
            await silent.bus.barrier()
            status = 0
            while not taken.is_set():
                async with http.post(f"{running.url}/openai/v1/files", data=body, headers=BEARER) as answer:
                    status, told = answer.status, await answer.json()
            if takes_a_piece:
                assert (status, told["error"]["code"]) == (502, "worker_lost")
            else:
                assert (status, told["sha256"]) == (200, hashlib.sha256(body).hexdigest())


# Cost.


@pytest.mark.parametrize("stream", [False, True])
async def test_the_event_is_stored_before_the_answer_ends(
    on_demo: Gateway, http: aiohttp.ClientSession, stream: bool
) -> None:
    """An answer that the client received complete is in JetStream, with the usage that the provider reported."""
    chat: dict[str, Any] = CHAT | {"model": "demo;tokens=7;cached=3", "stream": stream}
    if stream:
        chat["stream_options"] = {"include_usage": True}
    async with http.post(f"{on_demo.url}/openai/v1/chat/completions", json=chat, headers=BEARER) as answer:
        async for line in answer.content:
            if b"[DONE]" in line:
                break
        [event] = await on_demo.completions(at_once=True)
    usage = event.attempts[0].usage
    assert (usage.cache_read, usage.output, usage.estimated) == (3, 7, False)
    assert (event.route, event.key, event.team, event.outcome) == (
        "passthrough:openai",
        "hash-of-key",
        "team-1",
        "success",
    )
    assert (event.stream, event.attempts[0].deployment) == (stream, "passthrough:openai")
    assert event.cost > 0


async def test_who_leaves_while_the_record_stalls_is_billed(
    nats_server: NatsServer, tmp_path: Path, demo: DemoProvider, http: aiohttp.ClientSession, eventually: Any
) -> None:
    """The provider has answered by then, so the event is kept until JetStream takes it."""
    async with gateway(nats_server, tmp_path, demo.url, billing={"stall_seconds": 1}) as running:
        bus = running.passthrough.bus
        await bus.jetstream.delete_stream(EVENT_STREAM)
        path = f"{running.url}/openai/v1/chat/completions"
        sending = asyncio.ensure_future(http.post(path, json=CHAT, headers=BEARER))
        await eventually(lambda: shown(running.passthrough, EVENTS_STALLED) == 1)
        sending.cancel()
        await eventually(lambda: shown(running.passthrough, EVENTS_KEPT) == 1)
        await ensure_streams(bus)
        [event] = await running.completions()
        assert event.cost > 0


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/anthropic/v1/messages"])
async def test_a_streamed_and_a_whole_answer_cost_the_same(
    on_demo: Gateway, http: aiohttp.ClientSession, path: str
) -> None:
    """The same tokens cost the same to the last digit, in either vendor's dialect, and as the demo provider sold."""
    for stream in (False, True):
        ask: dict[str, Any] = MESSAGE | {"model": "demo;tokens=11;cached=5", "stream": stream}
        if stream and "openai" in path:
            ask["stream_options"] = {"include_usage": True}
        async with http.post(on_demo.url + path, json=ask, headers=BEARER) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.headers["x-tollway-model-id"] == f"passthrough:{path.split('/')[1]}"
            assert answer.headers["x-tollway-attempts"] == "1"
            assert b'"cost"' not in await answer.read()
    whole, streamed = await on_demo.completions(2)
    assert whole.attempts[0].usage == streamed.attempts[0].usage
    assert whole.cost == streamed.cost > 0


async def test_a_stream_that_reports_nothing_is_counted_by_us(on_demo: Gateway, http: aiohttp.ClientSession) -> None:
    """OpenAI's streams tell their usage only when asked; without it, our own count stands, marked as such."""
    chat = CHAT | {"stream": True}
    async with http.post(f"{on_demo.url}/openai/v1/chat/completions", json=chat, headers=BEARER) as answer:
        await answer.read()
    [event] = await on_demo.completions()
    usage = event.attempts[0].usage
    assert usage.estimated
    assert usage.input > 0
    assert usage.output > 10


async def test_what_costs_nothing_is_free_and_what_may_cost_something_is_said(
    on_demo: Gateway, http: aiohttp.ClientSession
) -> None:
    """Listing models and uploading files is free; a call whose price nobody tells is unpriced; errors cost nothing."""
    async with http.get(f"{on_demo.url}/openai/v1/models", headers=BEARER) as answer:
        assert answer.headers["x-tollway-cost"] == "0.0"
    async with http.post(f"{on_demo.url}/openai/v1/files", data=b"x", headers=BEARER) as answer:
        assert answer.headers["x-tollway-cost"] == "0.0"
    async with http.post(f"{on_demo.url}/openai/v1/echo", data=b"x", headers=BEARER) as answer:
        assert answer.headers["x-tollway-unpriced"] == "true"
    chat = CHAT | {"model": "demo;error=503"}
    async with http.post(f"{on_demo.url}/openai/v1/chat/completions", json=chat, headers=BEARER) as answer:
        assert answer.status == 503
        assert answer.headers["x-tollway-cost"] == "0.0"
    last = (await on_demo.completions(4))[-1]
    assert (last.outcome, last.status) == ("failure", 503)


# Access.


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/openai/v1/chat/completions", {"model": "other"}, "application/json"),
        ("/openai/v1/chat/completions", {"model": "other"}, "text/plain"),
        ("/openai/v1/chat/completions", {"model": "other"}, "multipart/form-data; boundary=x"),
        ("/openai/v1/chat/completions", {"pad": "x" * 500_000, "model": "other"}, "application/json"),
        ("/anthropic/v1/messages/batches", {"requests": [{"params": {"model": "other"}}]}, "application/json"),
        ("/openai/deployments/other/chat/completions", {}, "application/json"),
        ("/openai/v1/models/other", {}, "application/json"),
    ],
)
async def test_a_limited_key_gets_its_models_only(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession, path: str, body: dict[str, Any], content_type: str
) -> None:
    """A model that the key may not use is refused where the body or the path names it, however large the body."""
    headers = LIMITED | {"Content-Type": content_type}
    async with http.post(on_raw.url + path, data=json.dumps(body).encode(), headers=headers) as answer:
        assert answer.status == 403, await answer.text()
    assert raw.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "demo", "model": "other"}',
        '{"model": "other"}'.encode("utf-16"),
        b'{"model": "demo"',
        b'["demo"]',
        b"",
    ],
)
async def test_a_limited_keys_json_must_have_one_reading(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession, body: bytes
) -> None:
    """What two parsers could read differently is refused; an empty body names no model and passes."""
    headers = LIMITED | {"Content-Type": "application/json"}
    async with http.post(f"{on_raw.url}/openai/v1/chat/completions", data=body, headers=headers) as answer:
        assert answer.status == (400 if body else 200)
    assert len(raw.requests) == (0 if body else 1)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
async def test_a_limited_key_sends_nothing_compressed(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession, content_type: str
) -> None:
    """Nobody could tell which model it names, while the provider might read it whatever its type says."""
    headers = LIMITED | {"Content-Type": content_type, "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"model": "other"}')
    async with http.post(f"{on_raw.url}/openai/v1/chat/completions", data=body, headers=headers) as answer:
        assert answer.status == 403
    assert raw.requests == []


async def test_a_limited_key_may_send_forms_and_its_own_model(on_demo: Gateway, http: aiohttp.ClientSession) -> None:
    """An allowed model passes, in large JSON and a large form too, byte for byte; files pass unread."""
    async with http.post(f"{on_demo.url}/openai/v1/chat/completions", json=CHAT, headers=LIMITED) as answer:
        assert answer.status == 200
    large = json.dumps({"model": "demo", "pad": "x" * 500_000}).encode()
    headers = LIMITED | {"Content-Type": "application/json"}
    async with http.post(f"{on_demo.url}/openai/v1/echo", data=large, headers=headers) as answer:
        assert await answer.read() == large
    form = aiohttp.FormData()
    form.add_field("file", bytes(500_000), filename="a.wav")
    form.add_field("model", "demo")
    async with http.post(f"{on_demo.url}/openai/v1/echo", data=form, headers=LIMITED) as answer:
        assert answer.status == 200
        assert len(await answer.read()) > 500_000
    form = aiohttp.FormData({"purpose": "batch"})
    form.add_field("file", bytes(500_000), filename="a.bin")
    async with http.post(f"{on_demo.url}/openai/v1/files", data=form, headers=LIMITED) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/openai/v1/audio/transcriptions", "/openai/v1/videos"])
@pytest.mark.parametrize("models", [("other",), ("demo", "other")])
async def test_a_limited_keys_forms_are_held_to_its_models(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession, path: str, models: tuple[str, ...]
) -> None:
    """A model that the key may not use is refused wherever the form names it, and so are two of them."""
    form = aiohttp.FormData()
    for model in models:
        form.add_field("file", bytes(500_000), filename="a.wav")
        form.add_field("model", model)
    async with http.post(on_raw.url + path, data=form, headers=LIMITED) as answer:
        assert answer.status == 403
        assert (await answer.json())["error"]["code"] == "model_not_allowed"
    assert raw.requests == []


async def test_nobody_gets_through_without_a_key(
    on_raw: Gateway, raw: RawUpstream, http: aiohttp.ClientSession
) -> None:
    """No key and a wrong key are 401 in the vendor's dialect."""
    async with http.post(f"{on_raw.url}/anthropic/v1/messages", json=MESSAGE) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (401, "authentication_error")
    async with http.post(f"{on_raw.url}/openai/v1/x", headers={"Authorization": "Bearer sk-wrong"}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (401, "invalid_api_key")
    assert raw.requests == []


# Configured endpoints.


async def test_a_configured_endpoint_leads_to_its_target(
    nats_server: NatsServer, tmp_path: Path, raw: RawUpstream, http: aiohttp.ClientSession
) -> None:
    """Headers, methods, subpaths, query defaults and cost are as the configuration says."""
    endpoints = [
        {
            "path": "/rank/it",
            "target": raw.url + "/base/rerank",
            "headers": {"Authorization": "bearer secret-of-rank", "X-Own": "1"},
            "methods": ["POST"],
            "cost_per_request": 0.002,
            "default_query_params": {"a": "1", "b": "x y"},
        },
        {"path": "/deep", "target": raw.url, "include_subpath": True},
    ]
    async with gateway(nats_server, tmp_path, raw.url, pass_through_endpoints=endpoints) as running:
        headers = BEARER | {"x-own": "2"}
        async with http.post(f"{running.url}/rank/it?a=2", data=b"x", headers=headers) as answer:
            assert (answer.status, answer.headers["x-tollway-cost"]) == (200, "0.002")
        assert raw.requests[-1].startswith(b"POST /base/rerank?a=2&b=x%20y HTTP/1.1\r\n")
        seen = raw.headers()
        assert ("authorization", "bearer secret-of-rank") in seen
        assert [value for name, value in seen if name == "x-own"] == ["1"]
        async with http.get(f"{running.url}/rank/it", headers=BEARER) as answer:
            assert answer.status == 405
        async with http.post(f"{running.url}/rank/it/deeper", headers=BEARER) as answer:
            assert answer.status == 404
        async with http.get(f"{running.url}/deep/a/b?c", headers=BEARER) as answer:
            assert answer.headers["x-tollway-unpriced"] == "true"
        assert raw.requests[-1].startswith(b"GET /a/b?c HTTP/1.1\r\n")
        first, second = await running.completions(2)
        assert (first.cost, first.attempts[0].price_version) == (2_000_000, "cost_per_request")
        assert (second.attempts[0].deployment, second.attempts[0].unpriced) == ("passthrough:deep", True)


# The vendors' own clients.


async def test_openais_client_works_by_base_url_alone(on_demo: Gateway) -> None:
    """Chat, stream, models and files go through the official client."""
    async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{on_demo.url}/openai/v1", max_retries=0) as client:
        whole = await client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hello"}])
        assert whole.choices[0].message.content
        stream = await client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        assert text == whole.choices[0].message.content
        assert [model.id async for model in await client.models.list()]
        content = bytes(3 * MIB)
        file = await client.files.create(file=("big.bin", content), purpose="batch")
        assert file.bytes > len(content)
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="demo", messages=[])


async def test_anthropics_client_works_by_base_url_alone(on_demo: Gateway) -> None:
    """Messages, streams and models go through the official client."""
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=f"{on_demo.url}/anthropic", max_retries=0) as client:
        whole = await client.messages.create(
            model="demo", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
        )
        async with client.messages.stream(
            model="demo", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
        ) as stream:
            final = await stream.get_final_message()
        assert final.content[0].text == whole.content[0].text
        assert final.usage.output_tokens == whole.usage.output_tokens


async def test_an_unconfigured_vendor_is_503(
    nats_server: NatsServer, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """Without any account for a vendor its route says so."""
    async with gateway(nats_server, tmp_path, "", models=[]) as running:
        async with http.post(f"{running.url}/openai/v1/chat/completions", json=CHAT, headers=BEARER) as answer:
            assert answer.status == 503
            assert "account" in (await answer.json())["error"]["message"]
