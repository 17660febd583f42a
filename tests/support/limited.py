"""Keys with limits, put straight into a running stack's store; and bursts of requests by them."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from services.auth.limiter.entries import decode_entry
from shared.bus import subjects
from shared.bus.connection import Bus
from shared.schemas.limits import Limits
from shared.schemas.scopes import Scope
from shared.security.keys import key_digest, new_key, stored_hash
from shared.store.connection import Store
from shared.store.keys import KeyRecord, Keys
from tests.support.stack import Stack

BODY = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}


async def limited_key(stack: Stack, limits: Limits, **fields: Any) -> str:
    """Store a new key with these limits and return it."""
    key = new_key()
    store = Store.open(stack.mongodb_url)
    try:
        hash = stored_hash(key_digest(key), bytes.fromhex(stack.secret("secret")))
        await Keys(store).insert(KeyRecord(hash, "sk-...test", time.time(), limits=limits, **fields))
    finally:
        await store.close()
    return key


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request."""

    status: int
    headers: Mapping[str, str]
    text: str
    began: float
    ended: float
    """Unix seconds."""


async def ask(http: aiohttp.ClientSession, key: str, behaviour: str = "", **body: Any) -> Answer:
    """Send one request and read its answer; status 0 where the connection broke."""
    headers = {"Authorization": f"Bearer {key}"} | ({"x-demo-behaviour": behaviour} if behaviour else {})
    began = time.time()
    try:
        async with http.post("/v1/chat/completions", json=BODY | body, headers=headers) as response:
            text = await response.text()
            return Answer(response.status, response.headers, text, began, time.time())
    except (aiohttp.ClientError, ConnectionError) as error:
        return Answer(0, {}, type(error).__name__, began, time.time())


async def burst(http: aiohttp.ClientSession, key: str, number: int, behaviour: str = "", **body: Any) -> list[Answer]:
    """Send so many requests at once."""
    return await asyncio.gather(*[ask(http, key, behaviour, **body) for _ in range(number)])


def statuses(answers: list[Answer]) -> Counter[int]:
    """Return how many answers had each status."""
    return Counter(answer.status for answer in answers)


def active(stack: Stack) -> int:
    """Return the process that took over the limiter last."""
    told = [json.loads(line) for line in whole_lines(stack.logs("auth")) if '"limiter.took_over"' in line]
    return int(max(told, key=lambda line: line["epoch"])["pid"])


def whole_lines(log: str) -> list[str]:
    """Return the lines of a log that somebody writes to: the last one counts once it has its end."""
    return log[: log.rfind("\n") + 1].splitlines()


async def admissions(stack: Stack, key: str) -> list[float]:
    """Return when each request of a key was admitted (Unix seconds), as the limiter's journal has it."""
    hash = stored_hash(key_digest(key), bytes.fromhex(stack.secret("secret")))
    scope = Scope("key", hash).text
    bus = await Bus.connect(
        stack.nats_url, name="test", inbox="tollway", user="tollway", password=stack.nats_password("tollway")
    )
    try:
        state = (await bus.jetstream.stream_info(subjects.LIMIT_STREAM)).state
        found: list[float] = []
        for start in range(state.first_seq, state.last_seq + 1, 200):
            numbers = range(start, min(start + 200, state.last_seq + 1))
            entries = await asyncio.gather(*[bus.jetstream.get_msg(subjects.LIMIT_STREAM, seq=n) for n in numbers])
            for entry in entries:
                for record in decode_entry(entry.data or b"").records:
                    found += [record.at for admitted in record.admitted if scope in admitted.scopes]
        return found
    finally:
        await bus.close()
