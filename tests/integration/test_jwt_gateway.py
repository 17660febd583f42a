"""The whole of Tollway with tokens of real OIDC providers in place of keys."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import aiohttp
import msgspec
import pytest

from services.auth.jwt.key_source import PAUSE_SECONDS
from shared.schemas.control import ChangeKind
from shared.schemas.limits import Limits
from shared.store.audit import Audit
from shared.store.changes import Changes
from shared.store.connection import Session, Store
from shared.store.objects import Objects
from shared.store.people import TeamRecord, UserRecord, teams, users
from tests.support.books import Books
from tests.support.oidc_provider import Client, OidcProvider
from tests.support.spy import Seen, spying
from tests.support.stack import Stack
from tests.support.traffic import MESSAGES
from tests.support.trouble import SERVICES

WORKERS = dict.fromkeys(SERVICES, 1) | {"auth": 2}
CORP = OidcProvider()
PARTNERS = OidcProvider(algorithm="ES256")
AWAY = OidcProvider()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with three issuers: one makes users and knows teams, one knows its own users, one is never there."""
    corp = CORP.settings(
        create_users=True, teams_claim="groups", roles_claim="roles", roles={"auditor": "proxy_admin_viewer"},
        admin_scope="tollway:admin", email_domains=["corp.example"], leeway=0,
    )  # fmt: skip
    partners = PARTNERS.settings(
        jwks_url=f"{PARTNERS.issuer}/keys", algorithms=["ES256"], user_prefix="partner:", teams_claim="team"
    )
    away = AWAY.settings(user_prefix="away:")
    config = {"auth": {"jwt": [corp, partners, away]}, "logging": {"level": "debug", "requests": True}}
    with Stack(tmp_path_factory.mktemp("jwt"), workers=WORKERS, config=config) as running:
        yield running


@pytest.fixture(autouse=True)
async def providers() -> AsyncIterator[None]:
    """Both providers, on the ports that the stack knows."""
    async with CORP, PARTNERS:
        yield


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client of the stack."""
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=90)) as session:
        yield session


@pytest.fixture
async def store(stack: Stack) -> AsyncIterator[Store]:
    """The stack's database."""
    store = Store.open(stack.mongodb_url)
    yield store
    await store.close()


def corp(sub: str, **claims: Any) -> str:
    """Return a token of an employee."""
    return CORP.sign(CORP.claims(sub=sub, email=f"{sub}@corp.example", **claims))


async def chat(
    client: aiohttp.ClientSession, token: str, model: str = "demo", **headers: str
) -> tuple[int, Any, Mapping[str, str]]:
    """Ask for a completion; return status, body and headers."""
    sent = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post("/v1/chat/completions", json={"model": model, "messages": MESSAGES}, headers=sent) as answer:
        return answer.status, await answer.json(), answer.headers


async def written(store: Store, objects: Objects[Any], record: Any, kind: ChangeKind) -> None:
    """Write a record with its change; the next clock of admin tells every worker."""

    async def work(session: Session) -> None:
        await objects.delete(record.id, session)
        await objects.insert(record, session)
        await Changes(store).record(kind, record.id, session)

    await store.atomically(work)


async def test_a_machine_with_client_credentials_gets_in(
    client: aiohttp.ClientSession, stack: Stack, store: Store
) -> None:
    """Its token comes from the provider's own token endpoint, and its requests are in the ledger under its user."""
    CORP.clients["batch"] = Client("batch", "s3cret", "read write", {"email": "batch@corp.example"})
    credentials = {"grant_type": "client_credentials", "client_id": "batch", "client_secret": "s3cret", "scope": "read"}
    async with aiohttp.ClientSession() as session, session.post(f"{CORP.issuer}/token", data=credentials) as answer:
        assert answer.status == 200, await answer.text()
        token = (await answer.json())["access_token"]
    status, body, headers = await chat(client, token)
    assert status == 200, body
    user = await users(store).find("batch")
    assert user is not None
    assert (user.email, user.role) == ("batch@corp.example", "internal_user")
    books = Books(stack)
    entry = (await books.entries([headers["x-request-id"]]))[headers["x-request-id"]]
    await books.close()
    assert (entry["user"], entry["key"]) == ("batch", "")


async def test_a_user_is_made_once_however_many_requests_come_at_once(
    client: aiohttp.ClientSession, store: Store
) -> None:
    """By two auth workers, with one audit entry."""
    token = corp("newcomer")
    answers = await asyncio.gather(*(chat(client, token) for _ in range(60)))
    assert {status for status, _, _ in answers} == {200}
    history = await Audit(store).history("user", "newcomer")
    assert [(entry.action, entry.actor, bool(entry.request_id)) for entry in history] == [
        ("user.added", "newcomer", True)
    ]


async def test_a_user_must_exist_where_the_operator_says_so(client: aiohttp.ClientSession, store: Store) -> None:
    """Users of an issuer have its prefix, so that nobody is taken for a user of another issuer."""
    token = PARTNERS.sign(PARTNERS.claims(sub="newcomer"))
    status, body, _ = await chat(client, token)
    assert (status, body["error"]["message"]) == (403, "The token's user is not known here.")
    record = UserRecord("7", created_at=time.time(), sso_id="partner:newcomer", role="proxy_admin_viewer")
    await written(store, users(store), record, "user")
    async with asyncio.timeout(60):
        while {(await chat(client, token))[0] for _ in range(8)} != {200}:
            pass
    async with client.get("/key/list", headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 200


async def test_the_team_of_a_request_is_one_of_the_tokens(client: aiohttp.ClientSession, store: Store) -> None:
    """The only one, or the one that the header names; what the team may not use its members may not."""
    for name, models in (("open", ()), ("closed", ("another-model",))):
        await written(store, teams(store), TeamRecord(name, created_at=time.time(), models=models), "team")
    both = corp("bob", groups=["open", "closed"])
    assert (await chat(client, corp("bob", groups=["open"])))[0] == 200
    assert (await chat(client, both, x_tollway_team_id="open"))[0] == 200
    status, body, _ = await chat(client, both, x_litellm_team_id="closed")
    assert (status, body["error"]["code"]) == (403, "model_not_allowed")
    status, body, _ = await chat(client, both)
    assert (status, "x-tollway-team-id" in body["error"]["message"]) == (400, True)
    assert (await chat(client, both, x_tollway_team_id="secret"))[0] == 403
    assert (await chat(client, corp("bob", groups=["gone"])))[0] == 403


async def test_a_limit_of_the_user_counts_for_its_tokens(client: aiohttp.ClientSession, store: Store) -> None:
    """All of them together: a new token is no new allowance."""
    record = UserRecord("quick", created_at=time.time(), limits=Limits(rpm=3))
    await written(store, users(store), record, "user")
    answers = [(await chat(client, corp("quick", jti=str(number))))[0] for number in range(5)]
    assert answers == [200, 200, 200, 429, 429]


async def test_scopes_and_roles_open_management_routes(client: aiohttp.ClientSession, store: Store) -> None:
    """An administrator by scope is in the audit by its user; others may what their role may."""

    async def call(token: str, path: str, body: dict[str, Any] | None = None) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        method = "GET" if body is None else "POST"
        async with client.request(method, path, json=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    admin = corp("root", scope="openid tollway:admin")
    async with client.post(
        "/key/generate", json={"key_alias": "by-jwt"}, headers={"Authorization": f"Bearer {admin}"}
    ) as answer:
        assert answer.status == 200, await answer.text()
    entries = await store.database.audit.find({"actor": "root", "action": "key.generated"}).to_list(length=10)
    assert len(entries) == 1
    auditor, plain = corp("audi", roles=["auditor", "unheard-of"]), corp("plain", scope="openid")
    assert await call(auditor, "/key/list") == 200
    assert await call(auditor, "/model/new", {"model_name": "x"}) == 403
    assert await call(plain, "/model/new", {"model_name": "x"}) == 403
    async with client.get("/key/list", headers={"Authorization": f"Bearer {plain}"}) as answer:
        assert (await answer.json())["keys"] == []


def part(value: Any) -> str:
    """Return JSON as a part of a token."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def bad_tokens() -> dict[str, str]:
    """Return tokens of attackers and of the unlucky."""
    claims = CORP.claims(sub="eve", email="eve@corp.example")
    own = CORP.new_key("one")
    return {
        "none": f"{part({'alg': 'none'})}.{part(claims)}.",
        "HS256": f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}.{part('signature')}",
        "own key": CORP.sign(claims, key=own),
        "own key in the head": CORP.sign(claims, key=own, kid="mine", jwk=own.as_dict(private=False)),
        "own address": CORP.sign(claims, key=own, kid="mine", jku=f"{CORP.issuer}/moved", x5u=f"{CORP.issuer}/moved"),
        "expired": CORP.sign(claims | {"exp": int(time.time()) - 1}),
        "not yet valid": CORP.sign(claims | {"nbf": int(time.time()) + 60}),
        "wrong audience": CORP.sign(claims | {"aud": "another"}),
        "of no issuer here": CORP.sign(claims | {"iss": "https://evil.example"}),
        "of another issuer": PARTNERS.sign(claims, kid="one"),
        "replayed to another": CORP.sign(claims | {"iss": PARTNERS.issuer}),
        "huge": CORP.sign(claims | {"groups": ["x" * 20_000]}),
        "no token": "eyJ.eyJ.x",
    }


async def test_attacks_are_refused(client: aiohttp.ClientSession, store: Store) -> None:
    """Each with 401, no user is made by one, and no address of a token is called."""
    CORP.asked.clear()
    began = time.monotonic()
    for name, token in bad_tokens().items():
        status, body, _ = await chat(client, token)
        assert (name, status) == (name, 401), body
    assert await users(store).find("eve") is None
    assert "/moved" not in CORP.asked
    # Each worker asks twice, for two documents, and again once in a pause.
    assert len(CORP.asked) <= WORKERS["auth"] * (4 + 2 * (time.monotonic() - began) / PAUSE_SECONDS)


async def test_a_token_larger_than_a_header_may_be_is_refused_before_it_is_read(client: aiohttp.ClientSession) -> None:
    """As every other head of that size."""
    status, _, _ = await chat(client, corp("eve", groups=["x" * 40_000]))
    assert status == 431


async def test_a_key_that_the_provider_made_just_now_works(client: aiohttp.ClientSession) -> None:
    """The first token that names it makes each worker ask, unless made-up keys made it ask seconds ago."""
    CORP.rotate("two")
    end = time.monotonic() + 12 * PAUSE_SECONDS
    while {(await chat(client, corp(f"late-{number % 4}")))[0] for number in range(8)} != {200}:
        assert time.monotonic() < end, "the new key does not work"


async def test_without_the_providers_keys_nobody_can_tell(client: aiohttp.ClientSession) -> None:
    """That is 503 with a time to wait, never 401; tokens whose key is known work meanwhile."""
    status, body, headers = await chat(client, AWAY.sign(AWAY.claims()))
    assert (status, headers["Retry-After"], body["error"]["code"]) == (503, "5", "unavailable")
    for _ in range(8):
        await chat(client, corp("steady"))
    await CORP.stop()
    for _ in range(8):
        assert (await chat(client, corp("steady", jti=str(time.time_ns()))))[0] == 200


async def test_a_team_that_is_blocked_is_blocked_for_tokens_too(client: aiohttp.ClientSession, store: Store) -> None:
    """On every worker, once the change is heard of."""
    record = TeamRecord("fleeting", created_at=time.time())
    await written(store, teams(store), record, "team")
    token = corp("carol", groups=["fleeting"])
    assert {(await chat(client, token))[0] for _ in range(8)} == {200}
    await written(store, teams(store), msgspec.structs.replace(record, blocked=True), "team")
    async with asyncio.timeout(60):
        while {(await chat(client, token))[0] for _ in range(8)} != {403}:
            pass


async def test_a_token_goes_to_auth_and_nowhere_else(client: aiohttp.ClientSession, stack: Stack) -> None:
    """Not to other stages, not into logs, not into answers; neither a good one nor a bad one."""
    seen = Seen()
    tokens = [corp("dave"), CORP.sign(CORP.claims(sub="eve"), key=CORP.new_key("two"))]
    async with spying(stack, seen):
        for token in tokens:
            _, body, _ = await chat(client, token)
            assert token not in json.dumps(body)
    for token in tokens:
        for secret in (token, token.rpartition(".")[2]):
            assert seen.holding(secret) == {"tollway.req.auth"}
            assert secret not in stack.logs()
