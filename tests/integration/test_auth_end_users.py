"""Whom a request is for, and what it must hold: what auth reads of bodies, on a real bus and store."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ErrorBody
from shared.schemas.context import RequestContext
from shared.schemas.limits import Limits, ModelLimits
from shared.store.budgets import BudgetRecord, budgets
from shared.store.connection import Store
from shared.store.keys import KeyRecord
from shared.store.people import CustomerRecord, customers
from shared.store.setup import ensure_indexes
from tests.support.auth_stages import AuthStages, auth_stages, hash_of
from tests.support.store_server import StoreServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One server for all tests here; each uses names of its own."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture
def run(worker_on: Any, eventually: Any, nats_server: Any, server: StoreServer) -> Any:
    """Return a context manager that runs an auth worker with a configuration."""

    def start(**configuration: Any) -> Any:
        return auth_stages(worker_on, eventually, nats_server.url, server.url, workers=1, **configuration)

    return start


@pytest.fixture
async def store(server: StoreServer) -> AsyncIterator[Store]:
    """The database with its indexes."""
    store = Store.open(server.url)
    await ensure_indexes(store)
    yield store
    await store.close()


def chat(**fields: Any) -> bytes:
    """Return a chat request."""
    return json.dumps({"model": "demo", "messages": [{"role": "user", "content": "hello"}], **fields}).encode()


async def passed(stages: AuthStages, body: bytes, key: str = "sk-master", **changes: Any) -> RequestContext:
    """Return a request as it went on."""
    answer = await stages.ask(key, body, **changes)
    assert isinstance(answer, RequestContext), answer
    return answer


async def refused(stages: AuthStages, body: bytes, key: str = "sk-master", **changes: Any) -> tuple[int, str]:
    """Return status and code of a refusal."""
    answer = await stages.ask(key, body, **changes)
    assert isinstance(answer, ErrorBody), answer
    return answer.status, answer.code


async def test_a_blocked_end_user_is_refused(store: Store, run: Any) -> None:
    """By either dialect's field or the header, for every key, in bodies of any size; unblocked, it may again."""
    big = {"filler": "x" * 500_000}
    anthropic = {"dialect": "anthropic", "route": "messages"}
    async with run() as stages:
        assert (await passed(stages, chat(user="mallory"))).principal is not None
        blocked = CustomerRecord("mallory", 1.0, blocked=True)
        await stages.write(customers(stages.store), blocked, "customer")
        assert await refused(stages, chat(user="mallory")) == (403, "customer_blocked")
        assert await refused(stages, chat(), end_user="mallory") == (403, "customer_blocked")
        assert await refused(stages, chat(metadata={"user_id": "mallory"}), **anthropic) == (403, "customer_blocked")
        assert await refused(stages, chat(user="mallory", **big), by_reference=True) == (403, "customer_blocked")
        # The header is what the ledger takes, so it is what counts.
        assert (await passed(stages, chat(user="mallory"), end_user="alice")).end_user == "alice"
        assert (await passed(stages, chat(user="alice"))).end_user == "alice"
        assert (await passed(stages, chat(user={"$gt": ""}))).end_user == ""
        await stages.delete(customers(stages.store), "mallory", "customer")
        assert (await passed(stages, chat(user="mallory"))).end_user == "mallory"


async def test_an_end_user_may_be_limited_to_models(store: Store, run: Any) -> None:
    """Beside what the key may use."""
    async with run() as stages:
        await stages.write(customers(stages.store), CustomerRecord("limited", 1.0, models=("demo",)), "customer")
        await passed(stages, chat(user="limited"))
        assert await refused(stages, chat(user="limited"), model="other") == (403, "model_not_allowed")


async def test_only_known_end_users_where_the_operator_says_so(store: Store, run: Any) -> None:
    """A request that names nobody is for nobody."""
    async with run(auth={"known_customers_only": True}) as stages:
        await stages.write(customers(stages.store), CustomerRecord("known", 1.0), "customer")
        await passed(stages, chat(user="known"))
        await passed(stages, chat())
        assert await refused(stages, chat(user="unknown")) == (403, "customer_unknown")


async def test_a_key_may_need_fields_in_every_request(store: Store, run: Any) -> None:
    """The first one that is missing is named; other keys need none."""
    async with run() as stages:
        key = KeyRecord(hash_of("sk-enforced"), "sk-...", 1.0, enforced_params=("user", "metadata.trace"))
        await stages.insert(key)
        await passed(stages, chat(user="u", metadata={"trace": 1}), "sk-enforced")
        for body, missing in ((chat(), "user"), (chat(user="u", metadata={}), "metadata.trace")):
            answer = await stages.ask("sk-enforced", body)
            assert isinstance(answer, ErrorBody)
            assert (answer.status, answer.param) == (400, missing)
        large = chat(user="u", filler="x" * 100_000)
        assert await refused(stages, large, "sk-enforced") == (400, "invalid_request")


async def test_native_requests_are_limited_by_what_their_body_names(store: Store, run: Any) -> None:
    """The model at the top of a JSON body has its own limits and its price; who reads other bodies asks for it."""
    native = {"route": "passthrough:openai", "next": "passthrough", "path": "/openai/v1/chat/completions", "model": ""}
    async with run() as stages:
        per_model = Limits(models={"gpt-4o": ModelLimits(rpm=2)})
        limited = KeyRecord(hash_of("sk-native"), "sk-...", 1.0, limits=per_model)
        poor = KeyRecord(hash_of("sk-native-poor"), "sk-...", 1.0, limits=Limits(max_budget=1_000_000_000))
        await stages.insert(limited, poor)
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}).encode()
        for _ in range(2):
            ctx = await passed(stages, body, "sk-native", **native)
            assert (ctx.model, ctx.admitted is not None) == ("", True)
        assert await refused(stages, body, "sk-native", **native) == (429, "rate_limit_exceeded")
        form = await passed(stages, b"--boundary", "sk-native", **native)
        assert (form.admitted, form.unasked is not None and set(form.unasked.by_model)) == (None, {"gpt-4o"})
        other = body.replace(b"gpt-4o", b"home-made")
        assert (await passed(stages, other, "sk-native", **native)).admitted is None
        assert await refused(stages, other, "sk-native-poor", **native) == (403, "model_unpriced")


async def test_the_size_of_a_request_counts(store: Store, run: Any) -> None:
    """Tokens as they are expected: of the prompt, of the answer as far as it is stated, in a body of any size."""
    async with run() as stages:
        await stages.insert(KeyRecord(hash_of("sk-tokens"), "sk-...", 1.0, limits=Limits(tpm=1000)))
        ctx = await passed(stages, chat(max_tokens=100), "sk-tokens")
        assert ctx.admitted is not None
        assert ctx.admitted.tokens is not None
        assert 870 <= ctx.admitted.tokens.remaining <= 895
        large = chat(max_tokens=1, messages=[{"role": "user", "content": "word " * 40_000}])
        assert await refused(stages, large, "sk-tokens", by_reference=True) == (429, "rate_limit_exceeded")
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 300_000}}
        small = chat(max_tokens=1, messages=[{"role": "user", "content": [image]}])
        ctx = await passed(stages, small, "sk-tokens")
        assert ctx.admitted is not None
        assert ctx.admitted.tokens is not None
        assert 90 <= ctx.admitted.tokens.remaining <= 130


async def test_a_budget_may_hold_for_every_end_user(store: Store, run: Any) -> None:
    """Each has the whole of it, stored or not; whoever has limits of its own has those."""
    async with run(limits={"default_customer_budget": "everyone"}) as stages:
        await stages.write(budgets(stages.store), BudgetRecord("everyone", 1.0, Limits(rpm=2)), "budget")
        await stages.write(customers(stages.store), CustomerRecord("rich", 1.0, limits=Limits(rpm=3)), "customer")
        for user, most in (("stored-nowhere", 2), ("another", 2), ("rich", 3)):
            answers = [await stages.ask("sk-master", chat(user=user)) for _ in range(4)]
            assert sum(isinstance(answer, RequestContext) for answer in answers) == most, user
        assert (await passed(stages, chat())).admitted is None
