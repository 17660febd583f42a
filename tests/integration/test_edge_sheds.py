"""The edge's own bound: past `server.max_in_flight` it refuses at once, rather than let callers wait."""

import asyncio
from pathlib import Path

import aiohttp

from shared.telemetry.families import SHED
from tests.support.nats_server import NatsServer
from tests.support.passthrough import KEY, PROVIDER_KEY, gateway
from tests.support.traffic import until
from tollway.demo_provider import demo_provider

HEADERS = {"Authorization": f"Bearer {KEY}"}
CHAT = {"model": "demo", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
NATIVE = "/openai/v1/chat/completions"


async def test_past_its_bound_the_edge_refuses_at_once(nats_server: NatsServer, tmp_path: Path) -> None:
    """503 with `Retry-After` in the caller's dialect, on every route; probes are answered; an end makes room again."""
    async with (
        demo_provider(api_key=PROVIDER_KEY) as demo,
        gateway(nats_server, tmp_path, demo.url, server={"max_in_flight": 2}) as running,
        aiohttp.ClientSession(running.url, headers=HEADERS) as http,
    ):
        hang = HEADERS | {"x-demo-behaviour": "hang=first_byte"}
        held = [asyncio.ensure_future(http.post(NATIVE, json=CHAT, headers=hang)) for _ in range(2)]
        await until(lambda: demo.counters.stats()["calls"]["open"] == 2)
        for path in (NATIVE, "/v1/chat/completions", "/v1/messages", "/anthropic/v1/messages"):
            async with http.post(path, json=CHAT) as answer:
                assert (path, answer.status, answer.headers["Retry-After"]) == (path, 503, "1")
                told = await answer.json()
                assert told["error"]["type"] == "overloaded_error"
                assert ("type" in told) == path.endswith("messages")
        async with http.get("/health/liveliness") as answer:
            assert answer.status == 200
        samples = [sample for metric in running.edge.metrics.collect() for sample in metric.samples]
        assert sum(sample.value for sample in samples if sample.name == f"{SHED.name}_total") == 4
        assert demo.counters.stats()["calls"]["started"] == 2
        for task in held:
            task.cancel()
        await until(lambda: demo.counters.stats()["calls"]["open"] == 0)
        # The edge lets go of them a moment before or after the provider does.
        async with asyncio.timeout(60):
            while await status(http) != 200:
                await asyncio.sleep(0.02)


async def status(http: aiohttp.ClientSession) -> int:
    """Send a request and return its status."""
    async with http.post(NATIVE, json=CHAT) as answer:
        return answer.status
