"""What a batch of completions costs in the ledger, on the embedded store: `python -m benchmarks.ledger_writes`."""

import argparse
import asyncio
import tempfile
import time
import uuid
from pathlib import Path

import msgspec
import psutil

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion, CompletionsFinished
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.setup import ensure_indexes
from tests.support.store_server import StoreServer

PRICE = "genai-prices/0.2.3:openai/gpt-4o-mini"


def completion(number: int) -> Completion:
    """Return a completion as a chat of the benchmark leaves it; each key has a user, ten of them are a team."""
    now = time.time()
    attempt = Attempt(
        id=uuid.uuid4().hex, deployment="d-1", provider="openai", model="gpt-4o-mini", started=now - 0.5, ended=now,
        outcome="success", status=200, usage=Usage(input=250, output=60), cost=73_500, price_version=PRICE,
    )  # fmt: skip
    return Completion(
        request_id=f"req_{uuid.uuid4().hex}", route="chat_completions", dialect="openai", model_group="gpt-4o-mini",
        outcome="success", status=200, received=now - 0.6, ended=now, key=f"key-{number:060d}", key_alias="bench",
        user=f"user-{number}", team=f"team-{number // 10}",
        organization=f"organization-{number // 1000}", attempts=(attempt,),
    )  # fmt: skip


def seconds(process: psutil.Process) -> float:
    """Return the CPU seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(url: str, server: psutil.Process, *, keys: int, size: int, batches: int, repeat: bool) -> str:
    """Write batches and return a line of the table; with `repeat` each is written a second time, which counts."""
    store = Store.open(url, f"b{uuid.uuid4().hex[:8]}")
    await ensure_indexes(store)
    ledger = Ledger(store)
    me = psutil.Process()
    work = [[completion(n % keys) for n in range(size)] for _ in range(batches + 1)]
    await ledger.write(work[0])
    for batch in work[1:] if repeat else ():
        await ledger.write(batch)
    before, mine, started = seconds(server), seconds(me), time.perf_counter()
    for batch in work[1:]:
        await ledger.write(batch)
    took, used, spent = time.perf_counter() - started, seconds(server) - before, seconds(me) - mine
    count = batches * size
    await store.close()
    return (
        f"| {size} completions, {keys} keys{', all known' if repeat else ''} | {took / batches * 1e3:.0f} | "
        f"{used / count * 1e6:.0f} | {spent / count * 1e6:.0f} | {count / took:,.0f} |"
    )


def decoding() -> str:
    """Return what reading an event costs per completion."""
    payload = msgspec.json.encode({"completions": [completion(0) for _ in range(256)]})
    decode = msgspec.json.Decoder(CompletionsFinished).decode
    started = time.perf_counter()
    for _ in range(50):
        decode(payload)
    took = (time.perf_counter() - started) / 50 / 256
    return f"decoding and checking an event of 256: {took * 1e6:.1f} µs and {len(payload) / 256:.0f} bytes a completion"


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=20)
    batches = parser.parse_args().batches
    with tempfile.TemporaryDirectory() as folder, StoreServer(Path(folder)) as server:
        assert server._process is not None
        process = psutil.Process(server._process.pid)
        print("| batch | ms | store, µs CPU a completion | billing, µs CPU a completion | completions/s |")
        print("|---|---|---|---|---|")
        for keys, size, repeat in (
            (1, 500, False),
            (20, 500, False),
            (500, 500, False),
            (500, 2000, False),
            (1, 64, False),
            (1, 500, True),
        ):
            print(await measure(server.url, process, keys=keys, size=size, batches=batches, repeat=repeat), flush=True)
    print(f"\n{decoding()}")


if __name__ == "__main__":
    asyncio.run(main())
