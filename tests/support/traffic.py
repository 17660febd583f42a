"""Requests as applications send them, many at a time, each with an answer that can be told from all others."""

import asyncio
import itertools
import json
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.support.stack import Stack

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = "/v1/chat/completions"
EVERY_PATH = (CHAT, "/v1/messages", "/openai/v1/chat/completions", "/anthropic/v1/messages")
"""Both dialects, governed and passed through."""

ANSWER_SECONDS = 90.0
"""Past this an answer counts as never having come; every deadline in these tests is shorter."""


@dataclass(slots=True)
class Result:
    """What came of one request."""

    nonce: str
    path: str
    stream: bool
    outcome: str
    """`complete`, `error` (told as such) or a fault: `wrong`, `cut` (ended as if complete), `late`."""
    request_id: str = ""
    status: int = 0
    detail: str = ""


@dataclass
class Traffic:
    """Keeps a number of requests in flight until it is told to stop."""

    stack: Stack
    key: str
    in_flight: int
    behaviour: str = "nonce"
    """The demo provider's options; `nonce` must be among them."""
    streams: bool | None = None
    """True for streams only, False for none, None for every second request."""
    paths: Sequence[str] = (CHAT,)
    """Where requests go, in turn."""
    results: list[Result] = field(default_factory=list)
    _name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _stopped: bool = False
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def start(self) -> None:
        """Begin to send."""
        self._session = aiohttp.ClientSession(
            self.stack.url,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=60),
        )
        numbers = itertools.count()
        self._tasks = [asyncio.create_task(self._send_on(numbers)) for _ in range(self.in_flight)]

    async def at_least(self, number: int, timeout: float = 90.0) -> None:
        """Wait until so many more requests have ended."""
        wanted = len(self.results) + number
        async with asyncio.timeout(timeout):
            while len(self.results) < wanted:
                await asyncio.sleep(0.02)

    async def stop(self) -> list[Result]:
        """Send no more, wait for what is in flight, and return everything that came."""
        self._stopped = True
        try:
            async with asyncio.timeout(ANSWER_SECONDS + 10):
                await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await self._session.close()
        return self.results

    def count(self) -> Counter[str]:
        """Return how many requests had each outcome."""
        return Counter(result.outcome for result in self.results)

    async def _send_on(self, numbers: "itertools.count[int]") -> None:
        while not self._stopped:
            number = next(numbers)
            stream = number % 2 == 0 if self.streams is None else self.streams
            path = self.paths[number // 2 % len(self.paths)]
            nonce = f"t{self._name}n{number}"
            result = await send(self._session, self.key, nonce, self.behaviour, path, stream=stream)
            self.results.append(result)
            if result.outcome == "error":
                await asyncio.sleep(0.05)


async def send(
    session: aiohttp.ClientSession, key: str, nonce: str, behaviour: str = "nonce", path: str = CHAT, *, stream: bool
) -> Result:
    """Send one request whose right answer is its nonce, and judge what comes."""
    result = Result(nonce, path, stream, "late")
    headers = {"Authorization": f"Bearer {key}", "x-demo-behaviour": behaviour}
    body: dict[str, Any] = {"model": "demo", "messages": MESSAGES, "stream": stream}
    if path.endswith("messages"):
        headers["anthropic-version"] = "2023-06-01"
        body |= {"max_tokens": 100, "metadata": {"user_id": nonce}}
    else:
        body["user"] = nonce
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            async with session.post(path, json=body, headers=headers) as response:
                result.status = response.status
                result.request_id = response.headers.get("x-tollway-request-id", "")
                text = await response.text()
    except TimeoutError:
        return result
    except (aiohttp.ClientError, ConnectionError) as error:
        result.outcome, result.detail = "error", type(error).__name__
        return result
    judge = _judge_stream if stream and response.status == 200 else _judge_whole
    result.outcome = judge(text, nonce) if response.status == 200 else "error"
    result.detail = text[:300] if result.outcome != "complete" else ""
    return result


def _judge_whole(text: str, nonce: str) -> str:
    try:
        document = json.loads(text)
        content = document["choices"][0]["message"]["content"] if "choices" in document else _text_of(document)
    except (ValueError, KeyError, IndexError):
        return "cut"
    return "complete" if content == nonce else "wrong"


def _text_of(message: dict[str, Any]) -> str:
    return "".join(block["text"] for block in message["content"])


def _judge_stream(text: str, nonce: str) -> str:
    events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    documents: list[Any] = [json.loads(event) for event in events if event != "[DONE]"]
    if any("error" in document for document in documents):
        return "error"
    if not events or not (events[-1] == "[DONE]" or documents[-1].get("type") == "message_stop"):
        return "cut"
    content = "".join(_piece_of(document) for document in documents)
    return "complete" if content.strip() == nonce else "wrong"


def _piece_of(event: dict[str, Any]) -> str:
    """Return the text that an event of either dialect adds."""
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
    return str(event.get("delta", {}).get("text", ""))


async def until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    """Poll until a condition holds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)
