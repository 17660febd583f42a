"""Secrets that are looked for, and all the places where something may have been written."""

import asyncio
import base64
import contextlib
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ahocorasick
import aiohttp
import nats
from nats.js.errors import NotFoundError

from shared.security.sealing import VERSION
from shared.store.connection import Store, StoreUnavailable
from tests.support.spy import Seen
from tests.support.stack import Stack
from tollway.stack.permissions import SETUP_USER

HEADER = f"canary-header-{uuid.uuid4().hex}"
"""What `x-canary` says in every request."""

REQUEST_PLANE = ("tollway.req.", "tollway.worker.", "tollway.edge.", "tollway.guardrails.", "tollway.body.", "_INBOX.")
"""Where a client's body may travel, and the answer to it."""


async def ask(
    session: aiohttp.ClientSession, seen: Seen, what: str, key: str, path: str, body: Any, **headers: str
) -> int:
    """Send a request, keep its answer with its headers, and return the status."""
    return await ask_by("POST", session, seen, what, key, path, body, **headers)


async def ask_by(
    method: str, session: aiohttp.ClientSession, seen: Seen, what: str, key: str, path: str, body: Any, **headers: str
) -> int:
    """Do the same by any method; 0 for a connection that was cut."""
    sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "x-canary": HEADER, **headers}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    try:
        async with session.request(method, path, data=data, headers=sent) as answer:
            content = b"\n".join(name + b": " + value for name, value in answer.raw_headers)
            try:
                content += b"\n\n" + await answer.read()
            except aiohttp.ClientPayloadError:
                content += b"\n\n(cut)"
            seen.answers.append((what, content))
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


def forms(secret: str) -> Iterator[bytes]:
    """Return a secret as it is, in hex, and in base64 wherever it begins there."""
    plain = secret.encode()
    yield plain
    yield plain.hex().encode()
    for shift in range(3):
        # What stands before and behind it is in the first and the last group of four.
        encoded = base64.b64encode(bytes(shift) + plain)
        yield encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4]


class Finder:
    """Looks for many secrets at once, in any of their forms."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for secret in secrets:
            for form in forms(secret):
                self._automaton.add_word(form.decode("latin-1"), secret)
        self._automaton.make_automaton()

    def within(self, content: bytes) -> set[str]:
        """Return the secrets that stand somewhere in it."""
        return {secret for _, secret in self._automaton.iter(content.decode("latin-1"))}

    def places(self, contents: Iterable[tuple[str, bytes]]) -> dict[str, set[str]]:
        """Return where each secret stands, by its name; one that stands nowhere is not in the answer."""
        found: dict[str, set[str]] = {}
        for name, content in contents:
            for secret in self.within(content):
                found.setdefault(secret, set()).add(name)
        return found


async def _answering(stack: Stack, timeout: float = 60.0) -> Store:
    """Return the stack's store, once it answers."""
    store, end = Store.open(stack.mongodb_url), time.monotonic() + timeout
    while True:
        try:
            await store.ping()
            return store
        except StoreUnavailable:
            assert time.monotonic() < end, "the store does not answer"
            await asyncio.sleep(0.1)


async def dumped(stack: Stack) -> dict[str, bytes]:
    """Return every document of every collection, as text."""
    store = await _answering(stack)
    try:
        return {
            f"collection {name}": repr(await store.database[name].find({}).to_list(length=None)).encode()
            for name in await store.database.list_collection_names()
        }
    finally:
        await store.close()


async def sealed_places(stack: Stack) -> set[str]:
    """Return the fields of the database that hold something sealed."""
    store = await _answering(stack)
    try:
        return {
            f"{name}.{path}"
            for name in await store.database.list_collection_names()
            async for document in store.database[name].find({})
            for path, text in _texts(document)
            if VERSION in text
        }
    finally:
        await store.close()


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, bytes):
        yield path, value.decode(errors="replace")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)


def written(stack: Stack) -> dict[str, bytes]:
    """Return every file of the data folder but those that hold the stack's own secrets by their purpose."""
    found = {}
    for path in stack.data_dir.rglob("*"):
        if path.parent.name == "secrets" or path.name == "nats.conf":
            continue
        # The servers go on writing: a file may be gone by the time that it is read.
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            found[f"file {path.relative_to(stack.data_dir)}"] = path.read_bytes()
    return found


async def streamed(stack: Stack) -> dict[str, list[bytes]]:
    """Return all messages that JetStream holds, with their subjects and headers, by stream."""
    password = stack.nats_password(SETUP_USER)
    client = await nats.connect(
        stack.nats_url, user=SETUP_USER, password=password, inbox_prefix=f"_INBOX.{SETUP_USER}".encode()
    )
    try:
        jetstream = client.jetstream()
        streams: dict[str, list[bytes]] = {}
        for info in await jetstream.streams_info():
            name = str(info.config.name)
            numbers = range(max(1, info.state.first_seq), info.state.last_seq + 1)
            streams[name] = [
                message for number in numbers if (message := await _message(jetstream, name, number)) is not None
            ]
        return streams
    finally:
        await client.close()


async def _message(jetstream: Any, stream: str, number: int) -> bytes | None:
    try:
        message = await jetstream.get_msg(stream, number)
    except NotFoundError:
        return None
    return repr((message.subject, message.headers)).encode() + (message.data or b"")


async def run(*command: str, env: Mapping[str, str]) -> bytes:
    """Run a command and return all that it said."""
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(env), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said


def keys_in(answers: Iterable[tuple[str, bytes]]) -> dict[str, set[str]]:
    """Return each key that answers show, with what was asked where it is shown."""
    shown: dict[str, set[str]] = {}
    for what, content in answers:
        try:
            document = json.loads(content.partition(b"\n\n")[2])
        except ValueError:
            continue
        if isinstance(document, dict) and str(document.get("key", "")).startswith("sk-"):
            shown.setdefault(document["key"], set()).add(what)
    return shown
