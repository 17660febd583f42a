"""Workers are killed and replaced while answers go through an output guardrail, which stands on the reply lane."""

import signal
import time
from collections.abc import Iterator

import aiohttp
import pytest

from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.traffic import CHAT, Traffic, send, until
from tests.support.trouble import PACE, SERVICES, adds_up, at_rest, called_no_more, check, whole

WORKERS = dict.fromkeys(SERVICES, 1) | {"guardrails": 2, "router": 2}
GOVERNED = (CHAT, "/v1/messages")
CARD_NUMBER = "4242424242424242"
MASK = {"name": "cards", "type": "regex_mask", "mode": "post_call", "patterns": ["[0-9]{16}"]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose answers are all looked at; every test leaves it whole."""
    with Stack(tmp_path_factory.mktemp("guarded"), workers=WORKERS, config={"guardrails": [MASK]}) as running:
        yield running


async def is_guarded(stack: Stack, timeout: float = 60.0) -> bool:
    """Tell whether what must not come out is masked, streamed or not, in both dialects; errors hold nothing of it."""
    end = time.monotonic() + timeout
    async with aiohttp.ClientSession(stack.url) as http:
        while time.monotonic() < end:
            results = [
                await send(http, stack.master_key, CARD_NUMBER, path=path, stream=stream)
                for path in GOVERNED
                for stream in (False, True)
            ]
            assert not [result for result in results if result.outcome == "complete" or CARD_NUMBER in result.detail]
            if all(result.outcome == "wrong" for result in results):
                return True
    return False


@pytest.mark.parametrize("service", ["guardrails", "router"])
async def test_a_killed_worker_loses_no_finished_answer(stack: Stack, books: Books, service: str) -> None:
    """An answer that passed in part ends with an error, never as if it were whole, and never unseen."""
    await whole(stack, WORKERS)
    assert await is_guarded(stack)
    traffic = Traffic(stack, stack.master_key, 100, PACE, paths=GOVERNED)
    await traffic.start()
    await traffic.at_least(100)
    killed = stack.kill(service)
    await until(lambda: killed not in stack.pids(service) and len(stack.pids(service)) == 2)
    await traffic.at_least(200)
    await check(await traffic.stop(), books)
    assert await is_guarded(stack)


async def test_a_rolling_restart_loses_no_request(stack: Stack, books: Books) -> None:
    """A worker that goes passes on first what it judges; no caller sees an error."""
    await whole(stack, WORKERS)
    before = set(stack.pids("guardrails"))
    said = stack.said().count("All services were restarted.")
    traffic = Traffic(stack, stack.master_key, 30, PACE, paths=GOVERNED)
    await traffic.start()
    await traffic.at_least(50)
    stack.send(signal.SIGHUP)
    await until(lambda: stack.said().count("All services were restarted.") > said, 200)
    assert not before & set(stack.pids("guardrails"))
    await traffic.at_least(50)
    await check(await traffic.stop(), books, errors=0)
    await at_rest(stack)
    await called_no_more(books)
    await adds_up(books)
