"""The front doors on the whole stack: what strangers try is refused, counted, and costs the database little."""

import asyncio
import json
import secrets
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from services.auth.domain.strangers import ADDRESS_BURST, BURST, PER_SECOND
from shared.openapi.management import MANAGEMENT_SHAPES
from shared.routes import MANAGEMENT_ROUTES, ROUTES
from shared.schemas.limits import Limits
from shared.store.connection import Store
from tests.support.limited import limited_key
from tests.support.route_samples import SAMPLES
from tests.support.spend_logs import logged
from tests.support.stack import Stack
from tests.support.trouble import all_gauges
from tests.support.world import World

AUTHS = 2
CONFIG = {"server": {"trusted_proxies": ["127.0.0.0/8"]}}
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
DOORS = sorted(
    (path, "POST" if route.method == "*" else route.method)
    for route in ROUTES.values()
    if route.policy.next != "admin" and route.policy.roles
    for path in route.paths
)
ODD = {"$gt": "", "__proto__": {"admin": True}, "a.b": [None], "$where": "1", "constructor": {"prototype": 1}, "": 0}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two auth workers behind a proxy that is trusted."""
    with Stack(tmp_path_factory.mktemp("doors"), workers={"auth": AUTHS}, config=CONFIG) as running:
        yield running


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own."""
    connector, timeout = aiohttp.TCPConnector(limit=100), aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(stack.url, connector=connector, timeout=timeout) as session:
        yield session


async def knock(http: aiohttp.ClientSession, key: str, address: str) -> tuple[int, str]:
    """Ask with a key from an address; return status and `Retry-After`."""
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}
    async with http.post("/v1/chat/completions", json=CHAT, headers=headers) as answer:
        await answer.read()
        return answer.status, answer.headers.get("retry-after", "")


def address(number: int) -> str:
    """Return one of many addresses."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


async def test_whoever_stuffs_keys_from_one_address_is_slowed_down(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Each worker looks up a hundred of them, and then a few; others, and good keys from there, notice nothing."""
    good, fresh = [await limited_key(stack, Limits()) for _ in range(2)]
    # A worker that knows the key asks nobody about it.
    assert {status for status, _ in await asyncio.gather(*[knock(http, good, "192.0.2.3") for _ in range(40)])} == {200}
    began, before = time.monotonic(), await all_gauges(stack)
    tries = await asyncio.gather(*[knock(http, f"sk-{secrets.token_hex(16)}", "192.0.2.1") for _ in range(1000)])
    counted = Counter(status for status, _ in tries)
    assert set(counted) == {401, 429}
    # Those that were asked together before the first answer came are waited for later.
    assert counted[401] <= AUTHS * (2 * ADDRESS_BURST + 10 * (time.monotonic() - began)) + 100
    assert all(int(wait) >= 1 for status, wait in tries if status == 429)
    assert (await all_gauges(stack))["tollway_keys_not_looked_up_total"] - before.get(
        "tollway_keys_not_looked_up_total", 0
    ) == counted[429]
    assert (await knock(http, good, "192.0.2.1"))[0] == 200
    assert (await knock(http, fresh, "192.0.2.2"))[0] == 200
    assert (await knock(http, "sk-another-wrong-one", "192.0.2.2"))[0] == 401


async def test_the_time_of_an_answer_says_nothing_of_a_key(stack: Stack, http: aiohttp.ClientSession) -> None:
    """A key that begins as a real one does takes as long as any other wrong one: pair by pair, either may be faster."""
    real = await limited_key(stack, Limits())
    near_won, pairs = 0, 150
    for number in range(pairs):
        took = {}
        names = ("near", "far") if number % 2 else ("far", "near")
        for name in names:
            key = real[:-6] + secrets.token_hex(3) if name == "near" else f"sk-{secrets.token_hex(len(real) // 2)}"
            began = time.perf_counter()
            assert (await knock(http, key, address(2**20 + number * 2 + (name == "near"))))[0] == 401
            took[name] = time.perf_counter() - began
        near_won += took["near"] < took["far"]
    # Five standard deviations of a fair coin.
    spread = 5 * statistics.NormalDist().stdev * (pairs**0.5) / 2
    assert abs(near_won - pairs / 2) < spread


async def test_wrong_keys_by_the_thousand_do_not_reach_the_database(stack: Stack, http: aiohttp.ClientSession) -> None:
    """From as many addresses: past a bound they are turned away unseen, and keys that are known go on working."""
    good = await limited_key(stack, Limits())
    while (await knock(http, good, "192.0.2.9"))[0] != 200:
        await asyncio.sleep(0.1)
    began, before = time.monotonic(), await all_gauges(stack)
    number = 6000
    tries = [asyncio.ensure_future(knock(http, f"sk-{secrets.token_hex(16)}", address(n))) for n in range(number)]
    while not all(one.done() for one in tries):
        assert (await knock(http, good, "192.0.2.9"))[0] == 200
        await asyncio.sleep(0.05)
    counted = Counter(one.result()[0] for one in tries)
    seconds = time.monotonic() - began
    assert set(counted) <= {401, 503}
    after = await all_gauges(stack)
    turned_away = after["tollway_keys_not_looked_up_total"] - before.get("tollway_keys_not_looked_up_total", 0)
    assert turned_away == counted[503]
    looked_up = number - turned_away
    assert looked_up <= AUTHS * (2 * BURST + PER_SECOND * seconds)
    assert after["tollway_cache_entries"] < 100_000


@pytest.mark.parametrize(("path", "method"), [*DOORS, ("/openai/v1/models", "GET"), ("/anthropic/v1/messages", "POST")])
async def test_no_key_in_a_query_string_opens_a_route(
    stack: Stack, http: aiohttp.ClientSession, path: str, method: str
) -> None:
    """Of every route for models, whatever the parameter is called."""
    real = path.replace("{model}", "demo")
    for name in ("key", "api_key", "api-key", "token", "access_token", "x-api-key", "Authorization"):
        for value in (stack.master_key, f"Bearer {stack.master_key}"):
            async with http.request(method, real, params={name: value}, json=CHAT) as answer:
                assert answer.status == 401, name
                assert stack.master_key not in await answer.text()


ODD_KEYS = [
    *(b"\xff\xfe\x00", b"sk-\x00", b"\xc3\xa4\xc3\xb6", b"sk-\xf0\x9f\x98\x80", b"", b"  ", b"sk-a\r\n b"),
    *(b'{"$gt":""}', b"../../etc/passwd", b"ey." * 2000, b"sk-" + b"A" * 16_385, b"sk-" + b"A" * 1_000_000),
]


async def first_status(host: str, port: int, request: bytes) -> int:
    """Return the status of the answer to these bytes, 0 where the connection just ends."""
    reader, writer = await asyncio.open_connection(host, port, limit=2**22)
    try:
        writer.write(request)
        line = await asyncio.wait_for(reader.readline(), 60)
    except ConnectionError:
        line = b""
    finally:
        writer.transport.abort()
    return int(line.split()[1]) if line else 0


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: f"{key[:20]!r}-{len(key)}")
@pytest.mark.parametrize("scheme", [b"Bearer ", b"Basic ", b"\x01"], ids=["bearer", "basic", "control"])
async def test_keys_of_odd_bytes_and_of_a_megabyte_are_refused(stack: Stack, scheme: bytes, key: bytes) -> None:
    """Never with more than a 4xx, in whichever header they stand, and the next request is served."""
    host, _, port = stack.url.removeprefix("http://").partition(":")
    body = json.dumps(CHAT).encode()
    for header in (b"Authorization", b"x-api-key", b"api-key", b"x-tollway-api-key"):
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
        request = b"%b%b: %b%b\r\nContent-Length: %d\r\n\r\n%b" % (head, header, scheme, key, len(body), body)
        status = await first_status(host, int(port), request)
        end = time.monotonic() + 60
        while status == 503:
            # Whoever tried thousands of keys before has used up what may be looked up.
            assert time.monotonic() < end
            status = await first_status(host, int(port), request)
        assert status == 0 or 400 <= status < 500
    async with aiohttp.ClientSession(stack.url) as session, session.get("/health/liveliness") as answer:
        assert answer.status == 200


@pytest.fixture
async def world(stack: Stack, http: aiohttp.ClientSession) -> AsyncIterator[World]:
    """Return who makes tenants and asks for them."""
    store = Store.open(stack.mongodb_url)
    yield World(stack, store, http)
    await store.close()


def takes(schema: dict[str, Any], kind: str) -> bool:
    """Tell whether a field holds a JSON type, or a list of it."""
    of = schema.get("items", schema)
    return of.get("type") == kind or any(takes(each, kind) for each in of.get("anyOf", ()))


async def test_no_operator_is_taken_for_a_string(world: World) -> None:
    """In every field of every management route that holds a string, or strings: 400, with the field's name."""
    tenant, place, wrong, asked = await world.tenant(), (await world.tenant()).places["internal_user"], [], 0
    for route in MANAGEMENT_ROUTES:
        body = MANAGEMENT_SHAPES[route.name].body
        ask = SAMPLES[route.name].ask(place)
        for field, schema in (body or {}).get("properties", {}).items():
            # An id that stands in the path, too, is the path's.
            if field in ask.path or not takes(schema, "string"):
                continue
            asked += 1
            for value in ({"$gt": ""}, {"$ne": None}, {"$regex": ".*"}, [{"$gt": ""}]):
                said = replace(ask, body={**(ask.body or {}), field: value})
                status, text = await world.ask("proxy_admin", tenant, route, said)
                if status != 400 or field.split("[")[0] not in text:
                    wrong.append((route.name, field, value, status, text[:200]))
    assert asked > 100
    assert not wrong, "\n".join(map(str, wrong))


async def test_no_operator_is_taken_for_a_parameter(world: World) -> None:
    """In every query string it is text like any other: it finds nothing that it does not name, and breaks nothing."""
    tenant, place, wrong = await world.tenant(), (await world.tenant()).places["internal_user"], []
    for route in MANAGEMENT_ROUTES:
        if route.method != "GET":
            continue
        ask = SAMPLES[route.name].ask(place)
        for query in MANAGEMENT_SHAPES[route.name].query:
            if not takes(query.schema, "string"):
                continue
            for name, value in ((query.name, '{"$gt": ""}'), (f"{query.name}[$gt]", ""), (query.name, "^.*$")):
                said = replace(ask, query={**ask.query, name: value})
                status, text = await world.ask("proxy_admin", tenant, route, said)
                found = name == query.name and query.name.endswith("_id") and status == 200 and place.key in text
                if status >= 500 or found:
                    wrong.append((route.name, name, value, status, text[:200]))
    assert not wrong, "\n".join(map(str, wrong))


async def test_odd_names_in_metadata_are_data(stack: Stack, http: aiohttp.ClientSession) -> None:
    """Kept letter by letter, for keys and in ledger entries, and nobody becomes anything by them."""
    async with http.post("/key/generate", json={"metadata": ODD}, headers=stack.headers()) as answer:
        made = await answer.json()
        assert answer.status == 200, made
    async with http.get("/key/info", params={"key": made["key"]}, headers=stack.headers()) as answer:
        assert (await answer.json())["info"]["metadata"] == ODD
    async with http.get("/key/list", headers=stack.headers(made["key"])) as answer:
        assert answer.status in (200, 403)
        assert len((await answer.json()).get("keys", [])) <= 1
    async with http.post(
        "/v1/chat/completions", json=CHAT | {"metadata": ODD}, headers=stack.headers(made["key"])
    ) as answer:
        assert answer.status == 200, await answer.text()
        id = answer.headers["x-tollway-request-id"]
    async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as administrator:
        row = await logged(administrator, id)
    assert row["metadata"]["requester_metadata"] == ODD
    assert row["api_key"] == made["token"]
