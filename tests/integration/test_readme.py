"""README's commands, pasted as they stand into a shell beside a fresh stack; and its ledger against what was sold."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from shared.pricing.money import NANO
from tests.support.books import Books
from tests.support.readme import ADDRESS, blocks
from tests.support.stack import ROOT, Stack

INPUT_NANOS, OUTPUT_NANOS = 1_000, 2_000
"""What a token of the demo model costs (docs/pricing.md), in nano-dollars."""


PATIENT = f"""
sleep() {{
  for _ in $(seq 600); do
    curl -s "http://{ADDRESS}/spend/logs?api_key=$KEY" -H "Authorization: Bearer $TOLLWAY_KEY" \\
      | grep -q request_id && return
    command sleep 0.1
  done
}}
"""
"""README waits a second for the ledger; here that is until the entry is there, on a slow machine as well."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose provider was asked for nothing yet, in a folder that looks like a clone after `make run`."""
    folder = tmp_path_factory.mktemp("readme")
    command = folder / ".venv" / "bin" / "tollway"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tollway "$@"\n')
    command.chmod(0o755)
    with Stack(folder) as running:
        (folder / ".tollway").symlink_to(running.data_dir)
        yield running


def shell(stack: Stack, script: str) -> str:
    """Run a script where a reader would, and return what it printed."""
    plain = {name: value for name, value in os.environ.items() if name not in ("NATS_URL", "MONGODB_URL")}
    env = plain | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=stack.folder, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def verified(stack: Stack) -> tuple[int, int]:
    """Return how many documents `tollway ledger verify` found, and their sum in nano-dollars."""
    said = shell(stack, ".venv/bin/tollway ledger verify")
    found = re.fullmatch(r"([\d,]+) documents, ([\d.]+) dollars; [\d,]+ rows\.\nAll sums agree\.\n", said)
    assert found, said
    return int(found[1].replace(",", "")), round(float(found[2]) * NANO)


async def agrees(stack: Stack, timeout: float = 90.0) -> tuple[int, int]:
    """Wait until the command finds what the demo provider says it sold, and return that: calls and nano-dollars."""
    end = time.monotonic() + timeout
    while (found := await asyncio.to_thread(verified, stack)) != (wanted := await sold(stack)):
        assert time.monotonic() < end, (found, wanted)
        await asyncio.sleep(0.2)
    return wanted


async def sold(stack: Stack) -> tuple[int, int]:
    """Return what the demo provider says it sold."""
    books = Books(stack)
    told = await books.sold()
    await books.close()
    tokens = told["tokens"]
    return told["calls"]["finished"], tokens["input"] * INPUT_NANOS + tokens["output"] * OUTPUT_NANOS


async def test_the_blocks_print_what_readme_shows(stack: Stack) -> None:
    """An answer with its cost, a key and its spend, a burst cut at its limit, a budget at its edge, sums that agree."""
    script = "\n".join([PATIENT, *blocks("sh")]).replace(ADDRESS, stack.url.removeprefix("http://"))
    said = await asyncio.to_thread(shell, stack, script)
    head, _, rest = said.replace("\r", "").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK\n")
    told = blocks("")
    for line in told[0].splitlines()[1:5]:
        name, value = line.split(": ")
        assert re.search(f"^{name}: {value if name != 'x-request-id' else '[0-9a-f]{32}'}$", head, re.MULTILINE), line
    documents, position = [], 0
    while position < len(rest) and rest[position] in "[{":
        document, position = json.JSONDecoder().raw_decode(rest, position)
        documents.append(document)
    first, message, entries = documents
    assert first["choices"][0]["message"]["content"].startswith("Hello from Tollway's demo model!")
    assert first["usage"]["total_tokens"] == 37
    assert message["type"] == "message"
    assert [(entry["call_type"], entry["spend"], entry["status"]) for entry in entries] == [
        ("anthropic_messages", 0.000069, "success")
    ]
    counts, _, last = rest[position:].partition("{")
    shown = told[2].partition("{")[0].split()
    assert shown == ["20", "200", "40", "429", "9", "200", "11", "400"]
    assert counts.split()[:6] == shown[:6]
    # Where the last one that passed is still being counted, its successor is told to come again: 429.
    refused = counts.split()[6:]
    assert sum(map(int, refused[::2])) == 11
    assert "400" in refused[1::2]
    assert set(refused[1::2]) <= {"400", "429"}
    error, end = json.JSONDecoder().raw_decode("{" + last)
    told_error, _ = json.JSONDecoder(strict=False).raw_decode("{" + told[2].partition("{")[2])
    assert error["error"] == {**told_error["error"], "message": told_error["error"]["message"].replace("\n", " ")}
    assert re.fullmatch(r"\d+ documents, [\d.]+ dollars; \d+ rows\.\nAll sums agree\.\n", ("{" + last)[end:].lstrip())
    assert await agrees(stack) == (31, 31 * 69_000)


async def test_the_command_counts_what_the_provider_counts(stack: Stack) -> None:
    """Calls and tokens of both dialects, streamed and not, through and past the translation, in one ledger."""
    before = await agrees(stack)
    body = {"model": "demo", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}

    async def ask(http: aiohttp.ClientSession, number: int) -> int:
        path = ("/v1/chat/completions", "/v1/messages")[number % 2]
        asked = {**body, "stream": number % 4 < 2}
        headers = {"x-demo-behaviour": f"tokens={number + 1}"}
        async with http.post(path, json=asked, headers=headers) as answer:
            await answer.read()
            return answer.status

    async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as http:
        assert Counter(await asyncio.gather(*[ask(http, number) for number in range(40)])) == {200: 40}
    after = await agrees(stack)
    assert after[0] == before[0] + 40
