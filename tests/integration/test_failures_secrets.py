"""Canary secrets in every slot are found nowhere that they do not belong, after requests that end well and badly."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.canaries import HEADER, REQUEST_PLANE, ask, dumped, written
from tests.support.raw_upstream import RawUpstream
from tests.support.spy import Seen, spying
from tests.support.stack import Stack
from tests.support.traffic import until
from tests.support.trouble import SERVICES, at_rest, whole
from tests.support.vault import VaultServer

WORKERS = dict.fromkeys(SERVICES, 1)
MASTER = f"sk-canary-master-{uuid.uuid4().hex}"
PROVIDER = f"sk-canary-provider-{uuid.uuid4().hex}"
UNKNOWN = f"sk-canary-unknown-{uuid.uuid4().hex}"
PROMPT = f"canary-prompt-{uuid.uuid4().hex}"
COMPLETION = f"canary-completion-{uuid.uuid4().hex}"
CHOSEN, CHOSEN_ANEW = (f"sk-canary-chosen-{uuid.uuid4().hex}" for _ in range(2))
CREDENTIAL, CREDENTIAL_ANEW = (f"sk-canary-credential-{uuid.uuid4().hex}" for _ in range(2))
VAULT_TOKEN = f"hvs.canary-{uuid.uuid4().hex}"
VAULTED = f"sk-canary-vaulted-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def vault() -> Iterator[VaultServer]:
    """A Vault whose token and secret are canaries."""
    with VaultServer(VAULT_TOKEN) as server:
        server.secrets["providers/canary"] = {"api_key": VAULTED}
        yield server


@pytest.fixture
async def upstream() -> AsyncIterator[RawUpstream]:
    """A provider whose answers are canaries."""
    provider = RawUpstream()
    async with await asyncio.start_server(provider.serve, "127.0.0.1", 0) as server:
        provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield provider


@pytest.fixture(scope="module")
def stack(vault: VaultServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose master key is a canary, with a guardrail on both ways, and all that it logs."""
    config = {
        "logging": {"level": "debug", "requests": True},
        "credentials": {"vault": {"address": vault.url, "token": "${VAULT_TOKEN}"}},
        "guardrails": [{"name": "words", "type": "banned_words", "mode": "both", "words": ["forbidden-word"]}],
    }
    env = {"TOLLWAY_MASTER_KEY": MASTER, "OPENAI_API_KEY": PROVIDER, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    env["VAULT_TOKEN"] = VAULT_TOKEN
    with Stack(tmp_path_factory.mktemp("secrets"), workers=WORKERS, config=config, env=env) as running:
        yield running


def chat(model: str = "demo", *, stream: bool = False, word: str = "") -> dict[str, Any]:
    """Return a request that holds the canary of the prompt."""
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": f"{PROMPT} {word}"}]}


async def all_kinds_of_requests(session: aiohttp.ClientSession, stack: Stack, seen: Seen) -> str:
    """Send what ends well, and what each stage refuses or fails at; return the virtual key."""
    assert await ask(session, seen, "generate", MASTER, "/key/generate", {"key_alias": "canary"}) == 200
    key = str(json.loads(seen.answers[-1][1].partition(b"\n\n")[2])["key"])
    model = {
        "model_name": "canary",
        "litellm_params": {"model": "openai/gpt-4o", "api_base": f"{stack.demo_url}/v1", "api_key": PROVIDER},
    }
    assert await ask(session, seen, "new model", MASTER, "/model/new", model) == 200
    path = "/v1/chat/completions"
    for caller in (key, MASTER):
        for stream in (False, True):
            assert await ask(session, seen, "chat", caller, path, chat(stream=stream)) == 200
            await ask(session, seen, "stored model", caller, path, chat("canary", stream=stream))
            await ask(session, seen, "unreachable", caller, path, chat("gpt-4o", stream=stream))
            for fault in ("error=500", "error=401", "cut=2", "garbage=1", "error_after=1", "drop"):
                await ask(session, seen, fault, caller, path, chat(stream=stream), **{"x-demo-behaviour": fault})
        assert await ask(session, seen, "blocked", caller, path, chat(word="forbidden-word")) == 400
        assert await ask(session, seen, "no model", caller, path, chat("nobody-has-it")) == 404
        assert await ask(session, seen, "not JSON", caller, path, f'{{"x": "{PROMPT}'.encode()) == 400
        assert await ask(session, seen, "large", caller, path, chat(word="word " * 120_000)) == 200
        await ask(session, seen, "pass-through", caller, "/openai/v1/chat/completions", chat("gpt-4o"))
        body = {**chat(), "max_tokens": 9}
        assert await ask(session, seen, "messages", caller, "/v1/messages", body, **{"x-api-key": caller}) == 200
    assert await ask(session, seen, "unknown key", UNKNOWN, path, chat()) == 401
    assert await ask(session, seen, "key in the query", "", f"{path}?key={key}&api_key={key}", chat()) == 401
    assert await ask(session, seen, "delete", MASTER, "/key/delete", {"keys": [UNKNOWN]}) in (200, 404)
    for path in ("/key/list", "/model/info", "/spend/logs", "/metrics", "/health/readiness"):
        async with session.get(path, headers=stack.headers()) as answer:
            seen.answers.append((path, await answer.read()))
    assert await ask(session, seen, "block", MASTER, "/key/block", {"key": key}) == 200
    return key


async def keys_that_change(session: aiohttp.ClientSession, seen: Seen) -> tuple[str, str]:
    """Choose a key, have it made anew with a value of our own and then with one of theirs; return that and another."""
    made = {"key": CHOSEN, "key_alias": "canary-chosen"}
    assert await ask(session, seen, "chosen key", MASTER, "/key/generate", made) == 200
    anew = {"new_key": CHOSEN_ANEW}
    assert await ask(session, seen, "chosen anew", MASTER, f"/key/{CHOSEN}/regenerate", anew) == 200
    assert await ask(session, seen, "chat", CHOSEN_ANEW, "/v1/chat/completions", chat()) == 200
    fresh = []
    for what, path, body in (
        ("regenerated", f"/key/{CHOSEN_ANEW}/regenerate", {"grace_period": "1h"}),
        ("new user", "/user/new", {"user_alias": "canary"}),
    ):
        assert await ask(session, seen, what, MASTER, path, body) == 200, seen.answers[-1]
        fresh.append(str(json.loads(seen.answers[-1][1].partition(b"\n\n")[2])["key"]))
        for caller in (fresh[-1], CHOSEN_ANEW):
            assert await ask(session, seen, "chat", caller, "/v1/chat/completions", chat()) == 200
    return fresh[0], fresh[1]


async def models_by_every_kind_of_credential(
    session: aiohttp.ClientSession, stack: Stack, seen: Seen, upstream: RawUpstream
) -> None:
    """Stored values, changed ones, and a reference to Vault; and a provider who says what nobody else may repeat."""
    name = "canary-credential"
    values = {"credential_name": name, "credential_values": {"api_key": CREDENTIAL}, "credential_info": {}}
    assert await ask(session, seen, "new credential", MASTER, "/credentials", values) == 200, seen.answers[-1]
    values["credential_values"] = {"api_key": CREDENTIAL_ANEW}
    headers = {"Authorization": f"Bearer {MASTER}", "x-canary": HEADER}
    async with session.patch(f"/credentials/{name}", json=values, headers=headers) as answer:
        seen.answers.append(("changed credential", await answer.read()))
        assert answer.status == 200, seen.answers[-1]
    for model, access in (
        ("by-credential", {"litellm_credential_name": name}),
        ("by-vault", {"api_key": "vault/providers/canary#api_key"}),
    ):
        for base in (upstream.url, f"{stack.demo_url}/v1"):
            group = f"{model}-{'telling' if base == upstream.url else 'demo'}"
            made = {"model_name": group, "litellm_params": {"model": "openai/gpt-4o", "api_base": base, **access}}
            assert await ask(session, seen, "new model", MASTER, "/model/new", made) == 200, seen.answers[-1]
            for stream in (False, True):
                upstream.answer = telling(stream=stream)
                status = await ask(
                    session, seen, f"told by {group}", MASTER, "/v1/chat/completions", chat(group, stream=stream)
                )
                assert status in (200, 401) if base != upstream.url else status == 200, seen.answers[-1]
    assert any(VAULTED.encode() in request for request in upstream.requests), "Vault's secret went to no provider"
    assert any(CREDENTIAL_ANEW.encode() in request for request in upstream.requests)
    for path in ("/credentials", f"/credentials/by_name/{name}", "/model/info", "/audit"):
        async with session.get(path, headers=stack.headers()) as answer:
            seen.answers.append((path, await answer.read()))


def telling(*, stream: bool) -> bytes:
    """Return a provider's answer that holds the canary of completions."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    choice["delta" if stream else "message"] = {"role": "assistant", "content": COMPLETION}
    document = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}
    content = json.dumps(document).encode()
    if stream:
        content = b"data: " + content + b"\n\ndata: [DONE]\n\n"
    kind = b"text/event-stream" if stream else b"application/json"
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(content), content)


async def test_secrets_are_nowhere_but_where_they_belong(stack: Stack, upstream: RawUpstream) -> None:
    """Logs, metrics, database, answers, and messages on subjects of roles that have no part in a request."""
    await whole(stack, WORKERS)
    seen = Seen()
    async with spying(stack, seen), aiohttp.ClientSession(stack.url) as session:
        await whole(stack, WORKERS)
        key = await all_kinds_of_requests(session, stack, seen)
        regenerated, of_user = await keys_that_change(session, seen)
        await models_by_every_kind_of_credential(session, stack, seen, upstream)
        killed = stack.kill("router")
        await until(lambda: stack.pids("router") not in ([], [killed]))
        await whole(stack, WORKERS)
        await ask(session, seen, "after a death", MASTER, "/v1/chat/completions", chat())
        await at_rest(stack)
    assert any(subject == "tollway.evt.completion.finished" for subject, _ in seen.messages)
    assert any(subject.startswith("tollway.ctl.change.") for subject, _ in seen.messages)

    shown = {
        key: {"generate"}, CHOSEN: {"chosen key"}, CHOSEN_ANEW: {"chosen anew"}, regenerated: {"regenerated"},
        of_user: {"new user"}, COMPLETION: {"told by by-credential-telling", "told by by-vault-telling"},
    }  # fmt: skip
    hidden = (MASTER, UNKNOWN, PROVIDER, CREDENTIAL, CREDENTIAL_ANEW, VAULT_TOKEN, VAULTED, PROMPT, HEADER)
    own = [path.read_text().strip() for path in (stack.data_dir / "secrets").iterdir()]
    logs, files = stack.logs(), written(stack)
    database = b"".join((await dumped(stack)).values())
    for secret in (*shown, *hidden, *own):
        assert secret not in logs, f"{secret} is in a log"
        assert secret.encode() not in database, f"{secret} is in the database"
        assert [name for name, content in files.items() if secret.encode() in content] == [], "on the disk"
        assert set(seen.answered(secret)) == shown.get(secret, set())

    assert seen.holding(MASTER) == set()
    assert seen.holding(UNKNOWN) == {"tollway.req.auth", "tollway.req.admin"}, "as a key to delete, in a body"
    assert {subject.split(".")[1] for subject in seen.holding(key)} <= {"req", "edge"}, "shown once, and in bodies"
    assert all(subject.startswith(REQUEST_PLANE) for subject in seen.holding(PROMPT))
    assert seen.holding(PROVIDER) == {"tollway.req.auth", "tollway.req.admin"}, "in the body of /model/new"
    for secret in (CREDENTIAL, CREDENTIAL_ANEW):
        assert seen.holding(secret) == {"tollway.req.auth", "tollway.req.admin"}, "in the bodies of /credentials"
    for secret in (VAULT_TOKEN, VAULTED):
        assert seen.holding(secret) == set(), "the router has them from elsewhere, and tells nobody"
    for secret in (CHOSEN, CHOSEN_ANEW, regenerated, of_user):
        assert {subject.split(".")[1] for subject in seen.holding(secret)} <= {"req", "edge"}, "in bodies and paths"
    assert all(subject.startswith(REQUEST_PLANE) for subject in seen.holding(HEADER))
    assert all(subject.startswith(REQUEST_PLANE) for subject in seen.holding(COMPLETION))
    digests = [hashlib.sha256(secret.encode()).hexdigest() for secret in (MASTER, key, UNKNOWN, CHOSEN, regenerated)]
    for digest in digests:
        assert seen.holding(digest) <= {"tollway.req.auth"}, "the digest of a key goes to auth and no further"
        assert digest not in logs
        assert digest.encode() not in database
