"""No body, however large, holds a service's event loop: it is copied, read, checked and written beside it."""

import io
import json
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.support.loop_holds import GaugedStack, gauged_stack

STAGES = ("edge", "auth", "guardrails", "router")
LARGE = 28 * 2**20
LONGEST = 0.010
"""Seconds of CPU: twice what is allowed, since a busy machine is slow at giving back memory. One copy of such a body
takes longer; where it takes longer than that, so may everything else."""

GUARDRAILS = [
    {"name": "of-requests", "type": "regex_mask", "mode": "pre_call", "patterns": [r"asked-\d+"]},
    {"name": "of-answers", "type": "regex_mask", "mode": "post_call", "patterns": [r"answered-\d+"]},
]


@pytest.fixture(scope="module")
def gauged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GaugedStack]:
    """A stack with guardrails on both ways."""
    with gauged_stack(tmp_path_factory.mktemp("holds"), guardrails=GUARDRAILS) as running:
        yield running


@pytest.fixture
async def limited(gauged: GaugedStack) -> AsyncIterator[aiohttp.ClientSession]:
    """A caller whose requests auth must read."""
    timeout = aiohttp.ClientTimeout(total=250)
    async with aiohttp.ClientSession(gauged.url, headers=gauged.headers(), timeout=timeout) as http:
        async with http.post("/key/generate", json={"tpm_limit": 1_000_000_000}) as response:
            key = (await response.json())["key"]
        http.headers["Authorization"] = f"Bearer {key}"
        yield http


async def ask(http: aiohttp.ClientSession, text: str) -> str:
    """Have a text said back."""
    chat = {"model": "demo", "messages": [{"role": "user", "content": text}]}
    body = io.BytesIO(json.dumps(chat).encode())
    headers = {"x-demo-behaviour": "echo", "Content-Type": "application/json"}
    async with http.post("/v1/chat/completions", data=body, headers=headers) as response:
        answer = await response.json()
        assert response.status == 200, answer
        return str(answer["choices"][0]["message"]["content"])


@pytest.mark.parametrize("masked", [False, True])
async def test_28_mb_each_way_hold_no_loop(gauged: GaugedStack, limited: aiohttp.ClientSession, masked: bool) -> None:
    """Not at the first use of the helper processes, either, and not where guardrails rewrite request and answer."""
    await ask(limited, "Hello")
    gauged.forget_holds()
    words = "word " * (LARGE // 5)
    said = await ask(limited, words + ("asked-1 answered-1" if masked else ""))
    assert said == words + ("[masked] [masked]" if masked else "")
    longest = max(LONGEST, copying())
    assert {stage: gauged.longest_hold(stage) for stage in STAGES if gauged.longest_hold(stage) > longest} == {}


def copying() -> float:
    """Return the seconds of CPU that one copy of such a body takes here and now: the quickest of five."""
    body, took = bytearray(LARGE), []
    for _ in range(5):
        began = time.thread_time()
        bytes(body)
        took.append(time.thread_time() - began)
    return min(took)
