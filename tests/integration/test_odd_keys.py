"""Keys that nobody has, at the front door: of any bytes, of any size."""

import contextlib
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.stack import Stack

WRONG = 3000
CHAT = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}).encode()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: after these tests nobody looks up unknown keys from this address for a while."""
    with Stack(tmp_path_factory.mktemp("door")) as running:
        yield running


def knock(stack: Stack, line: bytes) -> tuple[int, bytes]:
    """Send a request with one line of credentials as it stands; return the status and the whole answer."""
    address = urlsplit(stack.url)
    lines = [b"POST /v1/chat/completions HTTP/1.1", b"Host: t", b"Connection: close", b"Content-Type: application/json"]
    lines += [line, b"Content-Length: %d" % len(CHAT)]
    with socket.create_connection((address.hostname, address.port), timeout=15) as connection:
        # Whoever is refused while it still sends finds the connection closed, and the answer in it.
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + CHAT)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                answer += piece
    return int(answer.split()[1]), answer


ODD = {
    "latin-1": b"sk-caf\xe9",
    "utf-8": "sk-\u4e2d\u6587\U0001f511".encode(),
    "no-utf-8": b"sk-\xff\xfe\xc0\x80",
    "query": b'sk-{"$gt": ""}',
    "path": b"sk-../../etc/passwd%00",
    "spaces": b"sk-a  b\tc",
    "long": b"sk-" + b"a" * 8000,
    "prototype": b"__proto__",
}


@pytest.mark.parametrize("key", ODD.values(), ids=ODD)
@pytest.mark.parametrize("header", [b"Authorization: Bearer ", b"x-api-key: "], ids=["bearer", "x-api-key"])
def test_a_key_of_odd_bytes_is_a_key_that_does_not_exist(stack: Stack, header: bytes, key: bytes) -> None:
    """Whatever it is made of, the answer is 401 and quotes nothing of it."""
    status, answer = knock(stack, header + key)
    assert status == 401, answer
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error["type"] == "authentication_error"
    assert key[3:11] not in answer


def test_control_characters_are_no_http(stack: Stack) -> None:
    """A line that no HTTP allows is no key of anybody, and no question to the database either."""
    for line in (b"Authorization: Bearer sk-\x01\x02\x7f", b"x-api-key: sk-\x00"):
        assert knock(stack, line)[0] == 400


def test_a_key_of_a_megabyte_is_refused_before_it_is_a_key(stack: Stack) -> None:
    """The head is too large, which is no matter of keys; the edge lives on."""
    status, answer = knock(stack, b"Authorization: Bearer sk-" + b"a" * 1_000_000)
    assert status == 431
    assert b"aaaa" not in answer
    assert knock(stack, b"Authorization: Bearer " + stack.master_key.encode())[0] == 200
