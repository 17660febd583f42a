"""Canary secrets while everything happens: every route, deaths of every process, a restart, a rotation, commands."""

import asyncio
import base64
import contextlib
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, get_args
from urllib.parse import quote, urlencode

import aiohttp
import pytest
import yaml

from shared.routes import LLM_ROUTES, MANAGEMENT_ROUTES, Route
from shared.routes.policy import Persona
from shared.store.connection import Store
from tests.support.canaries import (
    HEADER,
    REQUEST_PLANE,
    Finder,
    ask,
    ask_by,
    dumped,
    keys_in,
    run,
    sealed_places,
    streamed,
    written,
)
from tests.support.oidc_provider import OidcProvider
from tests.support.route_samples import SAMPLES
from tests.support.route_samples import Ask as Asked
from tests.support.spy import Seen, by_queue, spying
from tests.support.stack import Stack
from tests.support.tenants import Tenant
from tests.support.traffic import until
from tests.support.trouble import SERVICES, at_rest, frozen, whole
from tests.support.world import World

WORKERS = dict.fromkeys(SERVICES, 1)
NOBODY = "http://127.0.0.1:9"
"""An address where nobody listens: what fails there must not be told with the credentials that it was tried with."""


def canary(slot: str) -> str:
    """Return a secret that stands nowhere else."""
    return f"sk-canary-{slot}-{uuid.uuid4().hex}"


MASTER, UNKNOWN, PROMPT, PASSWORD, BASIC = map(canary, ("master", "unknown", "prompt", "password", "basic"))
PROVIDERS = {slot: canary(slot) for slot in ("openai", "anthropic", "configured", "endpoint", "query")}
"""What providers are to be told: it never leaves the processes that tell them."""

STORED = {slot: canary(slot) for slot in ("model", "model-anew", "credential", "credential-anew")}
"""What operators send and the store seals."""

MISPLACED = canary("misplaced")
"""A secret where another kind of value belongs."""

ISSUER = OidcProvider()
CHAT = "/v1/chat/completions"
ENDS_THINGS = ("delete", "block", "regenerate", "member")
"""In the names of routes after which their objects are gone, or other ones."""

FAULTS = ("error=500", "cut=2", "garbage=1", "error_after=1", "drop", "tokens=30;rate=20/s")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that says all that it can say."""
    unreachable = {"provider": "openai", "model": "gpt-4o", "api_base": NOBODY, "api_key": PROVIDERS["configured"]}
    config = {
        "logging": {"level": "debug", "requests": True},
        "auth": {"jwt": [ISSUER.settings(create_users=True)]},
        "guardrails": [{"name": "words", "type": "banned_words", "mode": "both", "words": ["forbidden-word"]}],
        "models": [{"model_name": "unreachable", "deployments": [unreachable]}],
        "pass_through_endpoints": [
            {
                "path": "/vendor",
                "target": f"{NOBODY}/v1",
                "headers": {"Authorization": f"Bearer {PROVIDERS['endpoint']}"},
                "default_query_params": {"key": PROVIDERS["query"]},
            }
        ],
    }
    env = {"TOLLWAY_MASTER_KEY": MASTER}
    for name in ("openai", "anthropic"):
        env |= {f"{name.upper()}_API_KEY": PROVIDERS[name], f"{name.upper()}_BASE_URL": NOBODY}
    with Stack(tmp_path_factory.mktemp("everywhere"), workers=WORKERS, config=config, env=env) as running:
        yield running


@pytest.fixture
async def session(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that carries a cookie, too."""
    cookies, timeout = {"session": MISPLACED}, aiohttp.ClientTimeout(total=120)
    async with ISSUER, aiohttp.ClientSession(stack.url, cookies=cookies, timeout=timeout) as http:
        yield http


def chat(model: str = "demo", *, stream: bool = False, word: str = "") -> dict[str, Any]:
    """Return a request that holds the canary of the prompt."""
    message = {"role": "user", "content": f"{PROMPT} {word}"}
    return {"model": model, "stream": stream, "max_tokens": 30, "messages": [message]}


async def every_management_route(
    session: aiohttp.ClientSession, stack: Stack, seen: Seen, store: Store
) -> list[Tenant]:
    """Ask each as one who may, as nobody, and with what it cannot read; return the tenants that it was about."""
    world = World(stack, store, session)
    tenants, refused = [await world.tenant()], []
    for route in MANAGEMENT_ROUTES:
        tenant = tenants[-1]
        persona = next(one for one in get_args(Persona) if one in route.policy.everywhere | route.policy.own)
        key, asked = tenant.keys[persona], SAMPLES[route.name].ask(tenant.places[persona])
        # What nobody may do, and what is wrong, changes nothing; so it comes first.
        await ask_route(session, seen, route, asked, UNKNOWN)
        if asked.body is not None:
            path = path_of(route, asked)
            await ask_by(route.method, session, seen, "not JSON", key, path, f'{{"key": "{MISPLACED}'.encode())
            await ask_by(route.method, session, seen, "wrong types", key, path, spoiled(asked.body) or [MISPLACED])
        if await ask_route(session, seen, route, asked, key) != 200:
            refused.append((route.name, seen.answers[-1][1][-300:]))
        if any(word in route.name for word in ENDS_THINGS):
            tenants.append(await world.tenant())
    assert [name for name, _ in refused] == [], refused
    return tenants


async def ask_route(session: aiohttp.ClientSession, seen: Seen, route: Route, asked: Asked, key: str) -> int:
    """Ask a route as its sample has it, and return the status."""
    return await ask_by(route.method, session, seen, f"route {route.name}", key, path_of(route, asked), asked.body)


def path_of(route: Route, asked: Asked) -> str:
    """Return the path of a request, with its query."""
    path = route.paths[0].format(**{name: quote(value, safe="") for name, value in asked.path.items()})
    return f"{path}?{urlencode(asked.query)}" if asked.query else path


def spoiled(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with the canary, wrapped, where its values stood."""
    return {name: {"wrapped": [MISPLACED]} for name in body}


async def every_llm_route(session: aiohttp.ClientSession, seen: Seen, key: str) -> None:
    """Every path, answered, refused, failing at the provider, blocked, and unreadable; and keys in every header."""
    for route in LLM_ROUTES:
        for path in (path.format(model="demo") for path in route.paths):
            body = None if route.method == "GET" else chat()
            await ask_by(route.method, session, seen, "unknown key", UNKNOWN, path, body)
            assert await ask_by(route.method, session, seen, "answered", key, path, body) == 200, seen.answers[-1]
    for path in (CHAT, "/v1/messages"):
        for stream in (False, True):
            for fault in FAULTS:
                await ask(session, seen, fault, key, path, chat(stream=stream), **{"x-demo-behaviour": fault})
            await ask(session, seen, "unreachable", key, path, chat("unreachable", stream=stream))
        await ask(session, seen, "blocked", key, path, chat(word="forbidden-word"))
        await ask(session, seen, "not JSON", key, path, f'{{"model": "demo", "messages": ["{PROMPT}'.encode())
        await ask(session, seen, "wrong types", key, path, {"model": "demo", "messages": [{"role": {PROMPT: PROMPT}}]})
    for path in ("/openai/v1/chat/completions", "/anthropic/v1/messages", "/vendor"):
        await ask(session, seen, "native", MASTER, path, chat("gpt-4o"))
    for name in ("x-api-key", "api-key", "x-tollway-api-key", "x-litellm-api-key"):
        await ask(session, seen, f"by {name}", "", CHAT, chat(), Authorization="", **{name: UNKNOWN})
    basic = base64.b64encode(f"somebody:{BASIC}".encode()).decode()
    await ask(session, seen, "by a password", "", CHAT, chat(), Authorization=f"Basic {basic}")
    await ask(session, seen, "in the query", "", f"{CHAT}?key={UNKNOWN}&api_key={UNKNOWN}", chat())


async def tokens(session: aiohttp.ClientSession, seen: Seen) -> list[str]:
    """Come with tokens of an issuer, good ones and wrong ones; return them."""
    good = ISSUER.sign(ISSUER.claims(sub="canary-user"))
    wrong = [ISSUER.sign(ISSUER.claims(sub="canary-user", exp=1)), ISSUER.sign(ISSUER.claims(aud="elsewhere"))]
    assert await ask(session, seen, "by a token", good, CHAT, chat()) == 200, seen.answers[-1]
    for token in wrong:
        assert await ask(session, seen, "by a wrong token", token, CHAT, chat()) == 401, seen.answers[-1]
    return [good, *wrong]


async def secrets_of_operators(session: aiohttp.ClientSession, seen: Seen) -> None:
    """Credentials that are stored and changed; and secrets in the wrong place: refused, and not quoted."""
    params = {"model": "openai/gpt-4o", "api_base": NOBODY, "api_key": STORED["model"]}
    made = {"model_name": "stored", "litellm_params": params, "model_info": {"id": "stored"}}
    anew = {"model_info": {"id": "stored"}, "litellm_params": {"api_key": STORED["model-anew"]}}
    credential = {"credential_name": "canary", "credential_info": {}}
    for method, path, body in (
        ("POST", "/model/new", made),
        ("POST", "/model/update", anew),
        ("POST", "/credentials", credential | {"credential_values": {"api_key": STORED["credential"]}}),
        ("PATCH", "/credentials/canary", {"credential_values": {"api_key": STORED["credential-anew"]}}),
    ):
        assert await ask_by(method, session, seen, "stored", MASTER, path, body) == 200, seen.answers[-1]
    with_password = {"model": "openai/gpt-4o", "api_base": f"http://somebody:{PASSWORD}@127.0.0.1:9/v1"}
    for path, wrong in (
        ("/credentials", credential | {"credential_values": MISPLACED}),
        ("/credentials", credential | {"credential_values": {"api_key": [MISPLACED]}}),
        ("/model/new", {"model_name": "x", "litellm_params": {"model": "openai/x", "api_key": {"a": MISPLACED}}}),
        ("/model/new", {"model_name": "x", "litellm_params": with_password}),
        ("/key/generate", {"key": f"{MISPLACED} {MISPLACED}"}),
        ("/key/generate", {"key": {"key": MISPLACED}}),
        ("/user/new", {"user_id": "x", "password": MISPLACED}),
    ):
        assert await ask(session, seen, "misplaced", MASTER, path, wrong) == 400, (path, seen.answers[-1])
    for path in ("/credentials", "/model/info", "/audit?page_size=100", "/key/list", "/metrics", "/config/plan"):
        method = "POST" if path == "/config/plan" else "GET"
        await ask_by(method, session, seen, "shown", MASTER, path, None)


async def limited(session: aiohttp.ClientSession, seen: Seen) -> str:
    """Use a key with limits of every kind up, so that journal and alerts are written; return it."""
    limits = {"rpm_limit": 3, "max_parallel_requests": 2, "max_budget": 10, "soft_budget": 0.00000001}
    assert await ask(session, seen, "limited", MASTER, "/key/generate", limits) == 200, seen.answers[-1]
    (key,) = keys_in(seen.answers[-1:])
    for _ in range(5):
        await ask(session, seen, "within limits", key, CHAT, chat())
    return key


@asynccontextmanager
async def traffic(session: aiohttp.ClientSession, seen: Seen, key: str) -> AsyncIterator[None]:
    """Ask on and on, whoever dies."""

    async def work(number: int) -> None:
        while True:
            behaviour = {"x-demo-behaviour": FAULTS[number % len(FAULTS)]}
            await ask(session, seen, "meanwhile", key, CHAT, chat(stream=number % 2 == 0), **behaviour)
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(work(number)) for number in range(12)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ended if not isinstance(end, asyncio.CancelledError)] == []


async def killed(stack: Stack, *names: str) -> None:
    """Kill processes, as if they had crashed, and wait for their successors."""
    before = {name: stack.kill(name, 0, signal.SIGABRT if name == "router" else signal.SIGKILL) for name in names}
    await until(lambda: all(stack.pids(name) not in ([], [pid]) for name, pid in before.items()), 120)
    await whole(stack, WORKERS)


async def commands(stack: Stack) -> dict[str, bytes]:
    """Return what the commands say: of a good file, of bad ones, of a running stack, and of a rotation."""
    tollway, env, folder = [sys.executable, "-m", "tollway"], stack.environment(), stack.folder
    good = yaml.safe_load((folder / "tollway.yaml").read_text())
    deployment = good["models"][0]["deployments"][0]
    models: list[Any] = [
        deployment | {"api_keyy": MISPLACED},
        deployment | {"api_key": [MISPLACED]},
        deployment | {"api_base": f"http://somebody:{PASSWORD}@example.com/v1"},
    ]
    wrong = good | {
        "models": [{"model_name": f"m{number}", "deployments": [one]} for number, one in enumerate(models)],
        "server": {"metrics_key": {"key": MISPLACED}},
        "pass_through_endpoints": [{"path": "/x", "target": MISPLACED, "headers": [MISPLACED]}],
    }
    (folder / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    said = {"wrong": await run(*tollway, "check", "--config", str(folder / "wrong.yaml"), env=env)}
    here = ["--data-dir", str(stack.data_dir)]
    stored = env | {"MONGODB_URL": stack.mongodb_url}
    said["check"] = await run(*tollway, "check", "--config", str(folder / "tollway.yaml"), "--diff", *here, env=env)
    said["verify"] = await run(*tollway, "ledger", "verify", env=stored)
    said["rotate"] = await run(*tollway, "rotate-secrets", *here, env=env)
    assert b"were sealed anew" in said["rotate"], said["rotate"]
    return {f"command {name}": words for name, words in said.items()}


async def test_secrets_are_nowhere_whatever_happens(stack: Stack, session: aiohttp.ClientSession) -> None:
    """Logs, streams, database, files, metrics, answers and commands hold no secret but where it is named here."""
    await whole(stack, WORKERS)
    store, seen = Store.open(stack.mongodb_url), Seen()
    own = {f"own {path.name}": path.read_text().strip() for path in (stack.data_dir / "secrets").iterdir()}
    async with spying(stack, seen), contextlib.AsyncExitStack() as context:
        context.push_async_callback(store.close)
        await whole(stack, WORKERS)
        tenants = await every_management_route(session, stack, seen, store)
        tenant = await World(stack, store, session).tenant()
        key = tenant.keys["internal_user"]
        await every_llm_route(session, seen, MASTER)
        await ask(session, seen, "a tenant's", key, CHAT, chat())
        signed = await tokens(session, seen)
        await secrets_of_operators(session, seen)
        await limited(session, seen)
        async with traffic(session, seen, MASTER):
            await killed(stack, "auth", "guardrails", "router", "billing", "admin", "passthrough")
            await killed(stack, "edge")
            said = await commands(stack)
            await until(lambda: "All services were restarted." in stack.said(), 250)
        await whole(stack, WORKERS)
        with frozen(stack.pids("billing")):
            await ask(session, seen, "not written yet", MASTER, CHAT, chat())
            streams = await streamed(stack)
        await at_rest(stack)
        await ask_by("GET", session, seen, "metrics", MASTER, "/metrics", None)
    async with traffic(session, seen, MASTER):
        await killed(stack, "nats-server")
        await killed(stack, "store")
    await whole(stack, WORKERS)
    assert streams["TOLLWAY_EVENTS"]
    assert streams["TOLLWAY_LIMITS"]
    assert streams["TOLLWAY_ALERTS"]

    own |= {f"own {path.name} anew": path.read_text().strip() for path in (stack.data_dir / "secrets").iterdir()}
    keys = {key: f"a tenant's {persona}" for one in (*tenants, tenant) for persona, key in one.keys.items()}
    shown = keys_in(seen.answers)
    secrets = {
        **{secret: f"provider {slot}" for slot, secret in PROVIDERS.items()},
        **{secret: f"stored {slot}" for slot, secret in STORED.items()},
        **{secret: name for name, secret in own.items()},
        **{secret: f"shown at {what}" for secret, what in shown.items()},
        **keys,
        **{token.rpartition(".")[2]: "signature" for token in signed},
        MASTER: "master", UNKNOWN: "unknown", PROMPT: "prompt", PASSWORD: "password", BASIC: "basic", HEADER: "header",
        MISPLACED: "misplaced",
    }  # fmt: skip
    everywhere = {
        **{f"log {name}": stack.logs(name).encode() for name in (*SERVICES, "nats-server", "store", "setup")},
        **await dumped(stack), **written(stack), **said,
        **{f"stream {name}": b"\n".join(messages) for name, messages in streams.items()},
    }  # fmt: skip
    finder = Finder(secrets)
    wrong = finder.places(everywhere.items())
    assert {secrets[secret]: names for secret, names in wrong.items()} == {}
    # What the terminal is told at the start holds the master key.
    assert finder.within(stack.said().encode()) == {MASTER}
    # A key is shown to who made it; nothing else comes out by an answer.
    answered = finder.places(seen.answers)
    assert {secrets[secret]: what for secret, what in answered.items() if what != shown.get(secret)} == {}

    # Where the store has something, it is sealed, and nothing else is.
    assert await sealed_places(stack) == {"models.api_key_sealed", "credentials.sealed"}
    heard = finder.places((by_queue(subject), data) for subject, data in seen.messages)
    in_bodies = {HEADER, PROMPT, MISPLACED, PASSWORD, *STORED.values(), *shown}
    for secret, subjects in heard.items():
        if secret in in_bodies:
            assert all(subject.startswith(REQUEST_PLANE) for subject in subjects), (secrets[secret], subjects)
        else:
            assert (secrets[secret], subjects) == ("signature", {"tollway.req.auth"})
    assert heard.keys() >= in_bodies
