"""What billing and the store use per completion while events come at a rate: `python -m benchmarks.billing_load`."""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

from benchmarks.ledger_writes import completion, seconds
from shared.bus import subjects
from shared.bus.connection import Bus
from shared.bus.setup import ensure_streams
from shared.store.connection import Store
from shared.store.setup import ensure_indexes
from tests.support.nats_server import NatsServer
from tests.support.store_server import StoreServer

ROOT = Path(__file__).parents[1]


async def waiting(bus: Bus) -> int:
    """Return the events that are not written yet, in messages."""
    return (await bus.jetstream.stream_info(subjects.EVENT_STREAM)).state.messages


async def feed(bus: Bus, *, rate: int, size: int, keys: int, duration: float) -> int:
    """Store events of `size` completions at a rate of completions per second; return how many."""
    sent, started = 0, time.monotonic()
    while time.monotonic() - started < duration:
        payload = msgspec.json.encode({"completions": [completion((sent + n) % keys) for n in range(size)]})
        await bus.jetstream.publish(subjects.COMPLETION_FINISHED, payload)
        sent += size
        await asyncio.sleep(max(0.0, started + sent / rate - time.monotonic()))
    return sent


async def measure(nats: NatsServer, store: StoreServer, options: argparse.Namespace) -> None:
    """Run the load and print a line of the table."""
    bus = await Bus.connect(nats.url, name="bench", inbox="bench")
    await ensure_streams(bus)
    database = Store.open(store.url)
    await ensure_indexes(database)
    environment = os.environ | {"NATS_URL": nats.url, "MONGODB_URL": store.url, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "tollway", "serve", "billing"], env=environment, cwd=ROOT)
    try:
        assert store._process is not None
        assert nats._process is not None
        parts = {"billing": process.pid, "store": store._process.pid, "nats-server": nats._process.pid}
        watched = {name: psutil.Process(pid) for name, pid in parts.items()}
        await feed(bus, rate=options.rate, size=options.size, keys=options.keys, duration=2)
        before = {name: seconds(item) for name, item in watched.items()}
        sent = await feed(bus, rate=options.rate, size=options.size, keys=options.keys, duration=options.seconds)
        ended = time.monotonic()
        left = await waiting(bus)
        while await waiting(bus):
            await asyncio.sleep(0.02)
        caught_up = time.monotonic() - ended
        used = {name: (seconds(item) - before[name]) / sent * 1e6 for name, item in watched.items()}
        memory = {name: item.memory_info().rss / 1e6 for name, item in watched.items()}
    finally:
        process.terminate()
        process.wait(20)
        await database.close()
        await bus.close()
    print(f"{sent / options.seconds:,.0f} completions/s, {options.size} a message, {options.keys} keys: "
          f"{left} messages behind at the end, {caught_up:.2f} s to catch up")  # fmt: skip
    print("µs of CPU a completion: " + ", ".join(f"{name} {value:.0f}" for name, value in used.items()))
    print("MB: " + ", ".join(f"{name} {value:.0f}" for name, value in memory.items()))


def main() -> None:
    """Start the servers and run the load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=2400)
    parser.add_argument("--size", type=int, default=8, help="completions in one message")
    parser.add_argument("--keys", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        NatsServer(Path(folder) / "nats") as nats,
        StoreServer(Path(folder) / "store") as store,
    ):
        asyncio.run(measure(nats, store, options))


if __name__ == "__main__":
    main()
