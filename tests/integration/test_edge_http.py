"""The edge as an HTTP server: whatever bytes come, the answer is a status, a sentence in JSON, and no secret."""

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.stack import Stack

CHAT = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}).encode()
CANARY = "sk-canary-in-a-broken-head"


@pytest.fixture(scope="module")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that lets the scripts of one origin in, holds a megabyte of bodies, and waits for 5 s."""
    config = {"server": {"cors_origins": ["https://app.example"], "max_held_bytes": 1024 * 1024, "request_timeout": 5}}
    with Stack(tmp_path_factory.mktemp("browsed"), config=config) as running:
        yield running


def exchange(stack: Stack, lines: list[bytes], body: bytes = b"", *, path: bytes = b"/v1/chat/completions") -> Any:
    """Send a request as it stands and return the answer's status, head and body."""
    address = urlsplit(stack.url)
    key = f"Authorization: Bearer {stack.master_key}".encode()
    head = [b"POST %b HTTP/1.1" % path, b"Host: t", b"Connection: close", b"Content-Type: application/json", key]
    head += [*lines, b"Content-Length: %d" % len(body)]
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    said, _, rest = answer.partition(b"\r\n\r\n")
    return int(said.split()[1]), said.lower(), json.loads(rest)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"X-A: b\x00" + CANARY.encode(), 400),
        (b"X-A: b\n" + CANARY.encode(), 400),
        (b"Transfer-Encoding: chunked\r\nX-A: " + CANARY.encode(), 400),
        (b"Content-Length: 3\r\nX-A: " + CANARY.encode(), 400),
        (b"X-A: " + CANARY.encode() * 2000, 431),
        (b"\r\n".join(b"X-%d: a" % number for number in range(3000)), 431),
    ],
)
def test_what_is_no_http_gets_an_answer_that_quotes_nothing(stack: Stack, line: bytes, status: int) -> None:
    """Such a line may hold a key: it stands in no answer and no log, and the server does not say what it runs on."""
    code, head, answer = exchange(stack, [line], CHAT)
    assert (code, answer["error"]["type"]) == (status, "invalid_request_error")
    assert b"server: tollway" in head
    assert b"aiohttp" not in head
    assert CANARY not in json.dumps(answer) + stack.logs("edge")


@pytest.mark.parametrize("path", [b"/v1/models/a%0d%0ab", b"/nowhere%0a", b"/v1/models/%ff"])
def test_a_path_of_any_letters_is_answered_by_us(stack: Stack, path: bytes) -> None:
    """A line break in a path is one more path that does not exist."""
    code, head, answer = exchange(stack, [], path=path)
    assert code in (404, 405)
    assert b"server: tollway" in head
    assert answer["error"]["message"]


@pytest.mark.parametrize("name", ["anthropic-beta", "x-litellm-end-user-id", "x-litellm-tags", "x-request-id"])
def test_headers_that_are_no_utf_8_are_read_as_latin_1(stack: Stack, name: str) -> None:
    """They are labels or go on to a provider; none of them is a fault of the gateway's."""
    code, _, answer = exchange(stack, [name.encode() + b": caf\xe9"], CHAT)
    assert (code, answer["object"]) == (200, "chat.completion")


def test_no_request_ends_the_edges_connection(stack: Stack) -> None:
    """What travels beside the body has a bound, so a huge name of a model is refused and nobody else notices."""
    body = json.dumps({"model": "m" * 2_000_000, "messages": [{"role": "user", "content": "Hello"}]}).encode()
    assert exchange(stack, [], body)[0] == 400
    assert exchange(stack, [], CHAT)[0] == 200


def test_a_long_name_of_an_end_user_stops_no_record(stack: Stack) -> None:
    """Its completion is stored like any other, and so are those after it."""
    body = json.dumps({**json.loads(CHAT), "user": "u" * 1_200_000}).encode()
    assert [exchange(stack, [], sent)[0] for sent in (body, CHAT)] == [200, 200]


def test_a_compressed_body_ends_where_it_ends(stack: Stack) -> None:
    """What follows the end of the compressed stream would be read by some and not by others."""
    packed = gzip.compress(CHAT)
    assert exchange(stack, [b"Content-Encoding: gzip"], packed)[0] == 200
    assert exchange(stack, [b"Content-Encoding: gzip"], packed + b"more")[0] == 400


async def test_a_body_that_unpacks_to_megabytes_holds_nobody_up(stack: Stack) -> None:
    """Other requests are answered while one is unpacked."""
    bomb = gzip.compress(b" " * (31 * 1024 * 1024))
    async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as http:
        answered = 0

        async def unpack() -> int:
            headers = {"content-encoding": "gzip"}
            async with http.post("/v1/chat/completions", data=bomb, headers=headers) as response:
                return response.status

        unpacking = [asyncio.ensure_future(unpack()) for _ in range(4)]
        while not all(task.done() for task in unpacking):
            async with http.get("/health/liveliness") as response:
                answered += response.status == 200
        assert [task.result() for task in unpacking] == [400] * 4
        assert answered


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/files", "/key/generate"])
async def test_a_browser_may_ask_before_it_calls(browsed: Stack, path: str) -> None:
    """Preflight requests carry no key; every path answers them, and only the operator's origins are let in."""
    async with aiohttp.ClientSession(browsed.url) as http:
        for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
            asked = {"origin": origin, "access-control-request-method": "POST"}
            async with http.options(path, headers=asked) as response:
                assert response.status == 204
                assert ("access-control-allow-methods" in response.headers) is allowed
                assert (response.headers.get("access-control-allow-origin") == origin) is allowed
        async with http.options(path) as response:
            assert response.status in (401, 405)


def test_large_bodies_have_a_bound_together(browsed: Stack) -> None:
    """Whoever sends them, before any key is looked at; their room is free again when they were answered."""
    bodies = [json.dumps({**json.loads(CHAT), "user": "u" * size}).encode() for size in (600_000, 1_100_000, 600_000)]
    assert [exchange(browsed, [], body)[0] for body in bodies] == [200, 503, 200]
    assert exchange(browsed, [b"Content-Encoding: gzip"], gzip.compress(bodies[1]))[0] == 503


def test_a_damaged_body_is_a_bad_request(stack: Stack) -> None:
    """Chunks that are none are the caller's fault, not the gateway's."""
    address = urlsplit(stack.url)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {stack.master_key}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(head.encode() + b'5\r\n{"mod\r\nnonsense\r\n')
        assert connection.recv(65536).split()[1] == b"400"


def test_a_body_that_does_not_come_is_not_waited_for(browsed: Stack) -> None:
    """Whoever sends half of one holds a place among the requests in flight until the request's time is over;
    whoever sends no key is not waited for at all."""
    address = urlsplit(browsed.url)
    head = [b"POST /v1/chat/completions HTTP/1.1", b"Host: t", b"Content-Type: application/json"]
    key = f"Authorization: Bearer {browsed.master_key}".encode()
    with ExitStack() as connections:
        waiting: list[tuple[bytes, socket.socket]] = []
        for declared in (b"Content-Length: 60", b"Transfer-Encoding: chunked"):
            for lines, status in (([*head, declared, key], b"408"), ([*head, declared], b"401")):
                connection = socket.create_connection((address.hostname, address.port), timeout=60)
                connections.enter_context(connection)
                connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
                waiting.append((status, connection))
        for status, connection in waiting:
            assert connection.recv(65536).split()[1] == status
