"""Tokens at two auth workers on a real bus and store: true as of the last change, and good while the store is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from signal import SIGTERM
from typing import Any

import msgspec
import pytest

from shared.errors import ErrorBody
from shared.schemas.context import Principal, RequestContext
from shared.security.keys import key_digest
from shared.store.audit import Audit
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.people import TeamRecord, UserRecord, teams, users
from shared.store.setup import ensure_indexes
from tests.support.auth_stages import AuthStages, auth_stages
from tests.support.oidc_provider import OidcProvider
from tests.support.store_server import StoreServer

PROVIDER = OidcProvider(algorithm="ES256")
BOUND = 30.0
"""Seconds after which a change was not heard at all."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One store server for all tests here; each test empties its database."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


async def emptied(server: StoreServer) -> None:
    """Empty the database."""
    store = Store.open(server.url)
    await store.client.drop_database("tollway")
    await ensure_indexes(store)
    await store.close()


@pytest.fixture
async def stages(worker_on: Any, eventually: Any, nats_server: Any, server: StoreServer) -> AsyncIterator[AuthStages]:
    """Two auth workers that trust a provider and make users."""
    await emptied(server)
    auth = {"jwt": [PROVIDER.settings(create_users=True, teams_claim="groups", organization_claim="org")]}
    async with PROVIDER, auth_stages(worker_on, eventually, nats_server.url, server.url, workers=2, auth=auth) as found:
        yield found


def token(**claims: Any) -> str:
    """Return a token of the provider."""
    return PROVIDER.sign(PROVIDER.claims(**claims))


async def ask(stages: AuthStages, bearer: str, worker: int = 0, **changes: Any) -> RequestContext | ErrorBody:
    """Ask a worker with a token, as the edge does."""
    return await stages.ask(bearer, worker=worker, bearer=bearer, credential=key_digest(bearer), **changes)


async def status(stages: AuthStages, bearer: str, worker: int, model: str = "demo") -> int:
    """Return 200 where a worker lets a request pass, else the status of its refusal."""
    answer = await ask(stages, bearer, worker, model=model)
    return answer.status if isinstance(answer, ErrorBody) else 200


async def becomes(stages: AuthStages, bearer: str, wanted: int, model: str = "demo") -> None:
    """Wait until every worker answers like this."""
    async with asyncio.timeout(BOUND):
        while {await status(stages, bearer, worker, model) for worker in range(2)} != {wanted}:
            pass


async def test_a_token_becomes_a_principal_and_goes_no_further(stages: AuthStages) -> None:
    """What goes on says who asks, and holds neither token nor digest nor the wanted team."""
    await stages.write(teams(stages.store), TeamRecord("t1", created_at=1.0, models=("demo",)), "team")
    passed = await ask(stages, token(sub="alice", groups=["t1", "t2"]), wanted_team="t1")
    assert isinstance(passed, RequestContext)
    assert passed.principal == Principal("internal_user", key_name="JWT", user="alice", team="t1", models=("demo",))
    assert (passed.credential, passed.bearer, passed.wanted_team) == ("", "", "")


async def test_two_workers_make_one_user(stages: AuthStages) -> None:
    """A hundred first requests at both at once leave one record, one audit entry and one change."""
    before = await Changes(stages.store).latest()
    bearer = token(sub="bob", email="bob@corp.example")
    answers = await asyncio.gather(*(ask(stages, bearer, number % 2) for number in range(100)))
    assert not [answer for answer in answers if isinstance(answer, ErrorBody)]
    assert await Changes(stages.store).latest() == before + 1
    assert len(await Audit(stages.store).history("user", "bob")) == 1
    assert (await users(stages.store).where({"email": "bob@corp.example"}))[0].created_by == "bob"


async def test_an_address_that_somebody_has_is_not_taken(stages: AuthStages) -> None:
    """The newcomer gets in without it: an address is no proof of who somebody is."""
    await stages.write(users(stages.store), UserRecord("old", created_at=1.0, email="x@corp.example"), "user")
    passed = await ask(stages, token(sub="new", email="x@corp.example"))
    assert isinstance(passed, RequestContext)
    assert passed.principal is not None
    assert passed.principal.user == "new"
    found = await users(stages.store).find("new")
    assert found is not None
    assert found.email == ""


async def test_a_change_of_the_team_counts_for_tokens_at_every_worker(stages: AuthStages) -> None:
    """A model that is taken from it, and the team itself."""
    team = TeamRecord("t1", created_at=1.0)
    await stages.write(teams(stages.store), team, "team")
    bearer = token(sub="carol", groups=["t1"])
    assert {await status(stages, bearer, worker) for worker in (0, 1)} == {200}
    await stages.write(teams(stages.store), msgspec.structs.replace(team, models=("other",)), "team")
    await becomes(stages, bearer, 403)
    await becomes(stages, bearer, 200, model="other")
    await stages.delete(teams(stages.store), "t1", "team")
    await becomes(stages, bearer, 403, model="other")


async def test_a_change_of_the_users_role_counts_too(stages: AuthStages) -> None:
    """Where the token says nothing of a role."""
    bearer = token(sub="dora")
    await ask(stages, bearer)
    dora = await users(stages.store).find("dora")
    assert dora is not None
    await stages.write(users(stages.store), msgspec.structs.replace(dora, role="proxy_admin_viewer"), "user")
    async with asyncio.timeout(BOUND):
        while True:
            passed = await ask(stages, bearer, 1)
            assert isinstance(passed, RequestContext)
            assert passed.principal is not None
            if passed.principal.role == "proxy_admin_viewer":
                break


async def test_an_organization_must_be_the_teams(stages: AuthStages) -> None:
    """A token of another organization does not get at the team."""
    await stages.write(teams(stages.store), TeamRecord("t1", created_at=1.0), "team")
    assert await status(stages, token(sub="eve", groups=["t1"], org="nowhere"), 0) == 403


async def test_known_tokens_work_while_the_store_is_away(stages: AuthStages, server: StoreServer) -> None:
    """And so do new ones of users who are known; others get 503."""
    await stages.write(users(stages.store), UserRecord("fay", created_at=1.0), "user")
    bearer = token(sub="fay")
    assert await status(stages, bearer, 0) == 200
    # By a signal that it hears: killed in its first seconds it might never start again.
    await asyncio.to_thread(server.stop, SIGTERM)
    try:
        began = time.monotonic()
        while (await status(stages, token(sub="nobody"), 0)) != 503:
            assert time.monotonic() - began < 60
        assert await status(stages, bearer, 0) == 200
        assert await status(stages, token(sub="fay", jti="another"), 0) == 200
    finally:
        await asyncio.to_thread(server.start)


async def test_without_issuers_a_token_is_a_key_that_does_not_exist(
    worker_on: Any, eventually: Any, nats_server: Any, server: StoreServer
) -> None:
    """Nobody gets in by what nobody trusts."""
    await emptied(server)
    async with auth_stages(worker_on, eventually, nats_server.url, server.url, workers=1) as found:
        assert await status(found, token(), 0) == 401
