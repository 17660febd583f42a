"""Auth workers on a real bus and a real store: what they know of a caller is true as of the last change."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.auth.domain.strangers import ADDRESS_BURST, ADDRESS_PER_SECOND
from shared.errors import ErrorBody
from shared.schemas.context import RequestContext
from shared.store.connection import Store
from shared.store.keys import KeyRecord, Keys
from shared.store.models import ModelRecord, Models
from shared.store.people import (
    MembershipRecord,
    OrganizationRecord,
    TeamRecord,
    UserRecord,
    membership_id,
    memberships,
    organizations,
    teams,
    users,
)
from shared.store.setup import ensure_indexes
from tests.support.auth_stages import AuthStages, auth_stages, hash_of
from tests.support.store_server import StoreServer

WORKERS = 2
BOUND = 30.0
"""Seconds after which a change was not heard at all; how soon it is, test_failures_keys.py tells."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One server for all tests here; each uses names of its own."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture
async def stages(worker_on: Any, eventually: Any, nats_server: Any, server: StoreServer) -> AsyncIterator[AuthStages]:
    """Two auth workers."""
    store = Store.open(server.url)
    await ensure_indexes(store)
    await store.close()
    async with auth_stages(worker_on, eventually, nats_server.url, server.url, workers=WORKERS) as running:
        yield running


def key_of(key: str, **facts: Any) -> KeyRecord:
    """Return the record of a key."""
    return KeyRecord(hash_of(key), "sk-...", time.time(), **facts)


async def status(stages: AuthStages, key: str, worker: int, model: str = "demo") -> int:
    """Return 200 where a worker lets a request pass, else the status of its refusal."""
    answer = await stages.ask(key, worker=worker, model=model)
    return answer.status if isinstance(answer, ErrorBody) else 200


async def all_say(stages: AuthStages, wanted: int, key: str, model: str = "demo") -> None:
    """Wait until every worker judges so; raises when one takes too long."""
    began = time.monotonic()
    for worker in range(WORKERS):
        while await status(stages, key, worker, model) != wanted:
            assert time.monotonic() - began < BOUND, f"worker {worker} has not heard of it"
            await asyncio.sleep(0.002)


async def test_a_change_of_the_team_counts_for_its_keys(stages: AuthStages) -> None:
    """Models taken and given back, blocked, unblocked, deleted: on every worker, for a key in use."""
    team = TeamRecord("team-1", 1.0, models=("a", "b"))
    await teams(stages.store).insert(team)
    await stages.insert(key_of("sk-team-1", team_id="team-1"))
    await all_say(stages, 200, "sk-team-1", "b")
    for changed, expected in (
        (msgspec.structs.replace(team, models=("a",)), 403),
        (team, 200),
        (msgspec.structs.replace(team, blocked=True), 403),
        (team, 200),
    ):
        await stages.write(teams(stages.store), changed, "team")
        await all_say(stages, expected, "sk-team-1", "b")
    await stages.delete(teams(stages.store), "team-1", "team")
    await all_say(stages, 403, "sk-team-1", "a")


async def test_a_change_of_the_user_counts(stages: AuthStages) -> None:
    """The user's models and role are those of its keys that have no team."""
    await stages.insert(key_of("sk-user", user_id="user-1"))
    await all_say(stages, 200, "sk-user")
    await stages.write(users(stages.store), UserRecord("user-1", 1.0, models=("other",)), "user")
    await all_say(stages, 403, "sk-user")
    await stages.write(users(stages.store), UserRecord("user-1", 1.0, role="proxy_admin"), "user")
    await all_say(stages, 200, "sk-user")
    passed = await stages.ask("sk-user", route="key_generate", next="admin")
    assert isinstance(passed, RequestContext)
    assert passed.principal is not None
    assert passed.principal.role == "proxy_admin"


async def test_a_change_of_the_member_and_the_organization_counts(stages: AuthStages) -> None:
    """What a member may use within the team, and the team within its organization."""
    await organizations(stages.store).insert(OrganizationRecord("org-1", 1.0))
    await teams(stages.store).insert(TeamRecord("team-2", 1.0, organization_id="org-1"))
    await stages.insert(key_of("sk-member", team_id="team-2", user_id="user-2"))
    await all_say(stages, 200, "sk-member", "a")
    id = membership_id("team", "team-2", "user-2")
    member = MembershipRecord(id, "team", "team-2", "user-2", 1.0, models=("b",))
    await stages.write(memberships(stages.store), member, "member")
    await all_say(stages, 403, "sk-member", "a")
    await all_say(stages, 200, "sk-member", "b")
    await stages.write(organizations(stages.store), OrganizationRecord("org-1", 1.0, models=("a",)), "organization")
    await all_say(stages, 403, "sk-member", "b")


async def test_a_revoked_key_stops_at_once(stages: AuthStages) -> None:
    """Blocked and deleted keys are refused on every worker that knew them."""
    await stages.insert(key_of("sk-revoked"))
    await all_say(stages, 200, "sk-revoked")
    await Keys(stages.store).set_blocked(hash_of("sk-revoked"), True)
    await stages.announce("key", hash_of("sk-revoked"))
    await all_say(stages, 401, "sk-revoked")
    await Keys(stages.store).set_blocked(hash_of("sk-revoked"), False)
    await stages.announce("key", hash_of("sk-revoked"))
    await all_say(stages, 200, "sk-revoked")
    await Keys(stages.store).delete(hash_of("sk-revoked"))
    await stages.announce("key", hash_of("sk-revoked"))
    await all_say(stages, 401, "sk-revoked")


async def test_a_model_that_joins_an_access_group_is_allowed(stages: AuthStages) -> None:
    """No request right after the change is refused for a model that it granted."""
    await stages.insert(key_of("sk-beta", models=("beta",)))
    await all_say(stages, 403, "sk-beta", "new-model")
    record = ModelRecord("new-1", "new-model", "demo", "demo", 1.0, model_info={"access_groups": ["beta"]})
    await Models(stages.store).insert(record)
    await stages.announce("model", "new-1")
    await all_say(stages, 200, "sk-beta", "new-model")
    await all_say(stages, 403, "sk-beta", "other-model")


async def test_what_goes_on_says_who_asks(stages: AuthStages) -> None:
    """Aliases are applied; tags and guardrails of key and team travel with the request, the credential does not."""
    team = TeamRecord("team-3", 1.0, tags=("team-tag",), guardrails=("pii",), model_aliases={"fast": "demo"})
    await teams(stages.store).insert(team)
    await stages.insert(key_of("sk-tags", team_id="team-3", tags=("key-tag",), guardrails=("words",)))
    passed = await stages.ask("sk-tags", model="fast", tags=("mine",))
    assert isinstance(passed, RequestContext)
    assert passed.principal is not None
    assert (passed.model, passed.credential, passed.principal.team) == ("demo", "", "team-3")
    assert (passed.tags, passed.wanted_guardrails) == (("mine", "key-tag", "team-tag"), ("words", "pii"))


async def test_a_cold_key_is_quick(stages: AuthStages) -> None:
    """A key of which nothing is known, with user, team, member and organization, takes three rounds of questions.

    Beside the store's own time for one, the best of eight against the best of eight.
    """
    took, asked = [], []
    for number in range(8):
        await organizations(stages.store).insert(OrganizationRecord(f"org-4-{number}", 1.0))
        await teams(stages.store).insert(TeamRecord(f"team-4-{number}", 1.0, organization_id=f"org-4-{number}"))
        await users(stages.store).insert(UserRecord(f"user-4-{number}", 1.0))
        key = f"sk-cold-{number}"
        await stages.insert(key_of(key, team_id=f"team-4-{number}", user_id=f"user-4-{number}"))
        began = time.perf_counter()
        await Keys(stages.store).find(hash_of(key))
        asked.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert await status(stages, key, 0) == 200
        took.append(time.perf_counter() - began)
    assert min(took) < 0.02 + 10 * min(asked), (took, asked)


async def test_all_keys_of_a_team_change_with_it(stages: AuthStages) -> None:
    """A change costs the workers nothing for the keys that they have cached; it counts for each of them."""
    team = TeamRecord("team-5", 1.0)
    await teams(stages.store).insert(team)
    keys = [f"sk-many-{number}" for number in range(200)]
    await stages.insert(*(key_of(key, team_id="team-5") for key in keys))
    assert {await status(stages, key, 0) for key in keys} == {200}
    await stages.write(teams(stages.store), msgspec.structs.replace(team, blocked=True), "team")
    await all_say(stages, 403, keys[0])
    assert {await status(stages, key, 0) for key in keys} == {403}


async def test_keys_that_do_not_exist_are_looked_up_within_a_bound(stages: AuthStages) -> None:
    """From one address: 401 for those that were looked up, 429 for the rest, while good keys go on working."""
    await stages.insert(key_of("sk-good"))
    assert await status(stages, "sk-good", 0) == 200
    began = time.monotonic()
    found = [await stages.ask(f"sk-wrong-{number}", client="192.0.2.1") for number in range(400)]
    allowed = ADDRESS_BURST + ADDRESS_PER_SECOND * (time.monotonic() - began)
    statuses = [answer.status for answer in found if isinstance(answer, ErrorBody)]
    assert len(statuses) == 400
    assert set(statuses) <= {401, 429}
    assert ADDRESS_BURST <= statuses.count(401) <= allowed + 1
    refused = [answer for answer in found if isinstance(answer, ErrorBody) and answer.status == 429]
    assert all(answer.retry_after is not None for answer in refused)
    assert isinstance(await stages.ask("sk-good", client="192.0.2.1"), RequestContext)
    elsewhere = await stages.ask("sk-wrong-0", client="192.0.2.2")
    assert isinstance(elsewhere, ErrorBody)
    assert elsewhere.status == 401


async def test_many_requests_with_a_cold_key_ask_once(stages: AuthStages) -> None:
    """They wait for one answer, and all of them pass."""
    await stages.insert(key_of("sk-crowd"))
    answers = await asyncio.gather(*(status(stages, "sk-crowd", 0) for _ in range(300)))
    assert set(answers) == {200}
