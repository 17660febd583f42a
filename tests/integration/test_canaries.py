"""Secrets and contents that were given once are looked for afterwards, wherever Tollway writes something down."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from pymongo import MongoClient

from tests.support.spend_logs import logged
from tests.support.stack import Stack

PROMPT = "canary-prompt-7d1f"
BLOCKED = "canary-blocked-93ab"
CONTENTS = (PROMPT, BLOCKED, "canary-tool-51c0", "canary-cookie-2e6b", "canary-header-c4d8")
WRONG_KEYS = ("sk-canary-wrong-8f02", "sk-canary-query-64e1", "canary-basic-1b7a")
PROVIDER_KEYS = ("sk-canary-configured-a90d", "sk-canary-stored-3c57")
METRICS_KEY = "canary-metrics-e815"

CONFIG: dict[str, Any] = {
    "server": {"metrics_key": METRICS_KEY},
    "guardrails": [{"name": "words", "type": "banned_words", "mode": "both", "words": [BLOCKED]}],
    "models": [
        {"model_name": "echo", "deployments": [{"provider": "demo", "model": "demo;echo"}]},
        {"model_name": "failing", "deployments": [{"provider": "demo", "model": "demo;error=500"}]},
        {
            "model_name": "refused",
            "deployments": [
                {"provider": "openai", "model": "m", "api_base": "http://127.0.0.1:9", "api_key": PROVIDER_KEYS[0]}
            ],
        },
    ],
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with something secret in every slot."""
    with Stack(tmp_path_factory.mktemp("canaries"), config=CONFIG) as running:
        yield running


def written(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the data folder but those that hold the secrets by their purpose."""
    for path in sorted(stack.data_dir.rglob("*")):
        if path.is_file() and path.parent.name != "secrets" and path.name != "nats.conf":
            yield str(path.relative_to(stack.data_dir)), path.read_bytes()


def dump(stack: Stack) -> str:
    """Return all documents of all collections."""
    client: MongoClient[dict[str, Any]] = MongoClient(stack.mongodb_url)
    try:
        database = client["tollway"]
        return repr({name: list(database[name].find({})) for name in database.list_collection_names()})
    finally:
        client.close()


async def asked(http: aiohttp.ClientSession, path: str, body: Any = None, **headers: str) -> tuple[int, str, str]:
    """Send a request and return status, request id, and everything that came back."""
    method = "GET" if body is None else "POST"
    async with http.request(method, path, json=body, headers=headers) as answer:
        text = f"{dict(answer.headers)} {await answer.text()}"
        return answer.status, answer.headers.get("x-tollway-request-id", ""), text


def chat(model: str, text: str = PROMPT, *, stream: bool = False) -> dict[str, Any]:
    """Return a request whose every free field is to be found nowhere later."""
    tool = {"type": "function", "function": {"name": "f", "description": CONTENTS[2], "parameters": {"type": "object"}}}
    return {"model": model, "messages": [{"role": "user", "content": text}], "tools": [tool], "stream": stream}


async def test_what_is_secret_stands_nowhere_afterwards(stack: Stack) -> None:
    """Keys, credentials, headers, prompts and answers are in no log, metric, file or document, and no answer has a
    secret of Tollway's own."""
    seen: list[str] = []
    statuses: dict[str, int] = {}
    async with aiohttp.ClientSession(stack.url, headers=stack.headers()) as http:
        params = {"model": "openai/m", "api_base": f"{stack.demo_url}/v1", "api_key": PROVIDER_KEYS[1]}
        await asked(http, "/model/new", {"model_name": "stored", "litellm_params": params})
        _, _, made = await asked(http, "/key/generate", {"key_alias": "canary"})
        key = made.split('"key":"')[1].split('"')[0]
        more = {"Authorization": f"Bearer {key}", "Cookie": CONTENTS[3], "X-Canary": CONTENTS[4]}
        wrong = {"Authorization": f"Bearer {WRONG_KEYS[0]}"}
        native = {"model": "demo;echo", "max_tokens": 50, "messages": chat("")["messages"]}
        requests: dict[str, tuple[str, Any, dict[str, str]]] = {
            "whole": ("/v1/chat/completions", chat("echo"), more),
            "streamed": ("/v1/chat/completions", chat("echo", stream=True), more),
            "failing": ("/v1/chat/completions", chat("failing"), more),
            "refused": ("/v1/chat/completions", chat("refused"), more),
            "stored": ("/v1/chat/completions", chat("stored"), more),
            "blocked": ("/v1/chat/completions", chat("echo", BLOCKED), more),
            "broken": ("/v1/chat/completions", [PROMPT], more),
            "native": ("/anthropic/v1/messages", native, more),
            "wrong": ("/v1/chat/completions", chat("echo"), wrong),
            "basic": ("/v1/models", None, {"Authorization": f"Basic {WRONG_KEYS[2]}"}),
            "query": (f"/v1/models?api_key={WRONG_KEYS[1]}", None, more),
            "info": (f"/key/info?key={key}", None, {}),
            "keys": ("/key/list?return_full_object=true", None, {}),
            "models": ("/model/info", None, {}),
            "spend": ("/spend/logs", None, {}),
            "ready": ("/health/readiness", None, {}),
            "docs": ("/openapi.json", None, {}),
        }
        last = ""
        for name, (path, body, headers) in requests.items():
            statuses[name], id, answer = await asked(http, path, body, **headers)
            last = id if name == "native" else last
            seen.append(answer)
        await logged(http, last)
        _, _, metrics = await asked(http, "/metrics", Authorization=f"Bearer {METRICS_KEY}")
    assert statuses == {
        **dict.fromkeys(requests, 200),
        "failing": 500,
        "refused": 502,
        "stored": 401,
        "blocked": 400,
        "broken": 400,
        "wrong": 401,
        "basic": 401,
    }
    own = [stack.secret(path.name) for path in (stack.data_dir / "secrets").iterdir()]
    hidden = [*CONTENTS, *WRONG_KEYS, *PROVIDER_KEYS, METRICS_KEY, key, *own]
    places = {"metrics": metrics.encode(), "database": dump(stack).encode(), **dict(written(stack))}
    found = {(secret, name) for secret in hidden for name, content in places.items() if secret.encode() in content}
    assert not found
    answers = "".join(seen)
    assert not [secret for secret in (*PROVIDER_KEYS, METRICS_KEY, *own, CONTENTS[3]) if secret in answers]
    assert key not in answers
