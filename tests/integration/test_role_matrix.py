"""Generated from the route table: every management route as every persona, about its own objects and another's.

A route is here because it is in `shared.routes`; what it is asked stands in `tests/support/route_samples.py`.
"""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlencode

import pytest

from services.admin.app import build
from shared.bus.lane_reader import Lanes
from shared.bus.stage import Stage
from shared.routes import MANAGEMENT_ROUTES, Route
from shared.routes.policy import Persona
from shared.schemas.context import Principal, Role
from shared.security.keys import key_digest, stored_hash
from shared.settings import Configuration, Runtime
from shared.store.connection import Store
from shared.store.setup import ensure_indexes
from tests.support.office import Office, Reply
from tests.support.route_samples import SAMPLES, Ask
from tests.support.store_server import StoreServer
from tests.support.tenants import Place, Tenant, make_tenant, nowhere

SECRET = b"0123456789abcdef"
ENCRYPTION_KEY = bytes(range(32))
PERSONAS = get_args(Persona)
REFUSED = (403, 404)

_ROLES: dict[Persona, Role] = {"organization_admin": "internal_user", "team_admin": "internal_user"}
"""Administrators of groups are internal users whom a membership makes that."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One store server for all personas."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


class World:
    """Tenants in a store, and an admin that is asked about them."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def tenant(self) -> Tenant:
        """Make one."""
        return await make_tenant(self._office.store, SECRET)

    async def ask(self, persona: Persona, tenant: Tenant, route: Route, ask: Ask) -> Reply:
        """Ask a route as a persona of a tenant; auth's part, the role, is done here."""
        if _role(persona) not in route.policy.roles:
            return Reply(403, {}, b'{"message": ""}')
        body = b"" if ask.body is None else json.dumps(ask.body).encode()
        path = route.paths[0].format(**ask.path)
        return await self._office.ask(
            route.name, _principal(persona, tenant), route.method, urlencode(ask.query), body, path
        )


def _role(persona: Persona) -> Role:
    return _ROLES.get(persona, persona)  # type: ignore[arg-type]


def _principal(persona: Persona, tenant: Tenant) -> Principal:
    place = tenant.places[persona]
    return Principal(
        _role(persona),
        key=stored_hash(key_digest(tenant.keys[persona]), SECRET),
        user="" if persona == "key_holder" else place.user,
        team=place.team if persona == "key_holder" else "",
    )


@pytest.fixture
async def world(nats_server: Any, server: StoreServer, worker_on: Any, eventually: Any) -> AsyncIterator[World]:
    """Run one admin."""
    async with AsyncExitStack() as stack:
        store = Store.open(server.url)
        stack.push_async_callback(store.close)
        await ensure_indexes(store)
        runtime = Runtime(
            "admin", Configuration(), nats_server.url,
            mongodb_url=server.url, secret=SECRET, encryption_key=ENCRYPTION_KEY,
        )  # fmt: skip
        worker = await stack.enter_async_context(worker_on("admin"))
        await stack.enter_async_context(build(worker, runtime))
        await worker.bus.barrier()
        worker.ready()
        edge = await stack.enter_async_context(worker_on("edge"))
        lanes = Lanes(edge)
        await lanes.start()
        await edge.bus.barrier()
        await eventually(lambda: len(edge.members.alive("admin", time.monotonic())) == 1)
        yield World(Office(Stage(edge, lambda call: None, max_in_hand=1), lanes, store))


@pytest.mark.parametrize("persona", PERSONAS)
async def test_a_persona_may_call_what_the_policy_says_about_its_own(world: World, persona: Persona) -> None:
    """Every route, about objects of the persona's own tenant: 200 for who stands in the policy, 403 for all others."""
    wrong = []
    for route in MANAGEMENT_ROUTES:
        tenant = await world.tenant()
        reply = await world.ask(persona, tenant, route, SAMPLES[route.name].ask(tenant.places[persona]))
        allowed = persona in route.policy.everywhere | route.policy.own
        if reply.status not in ((200,) if allowed else REFUSED):
            wrong.append((route.name, "allowed" if allowed else "refused", reply.status, reply.text))
    assert not wrong


@pytest.mark.parametrize("persona", PERSONAS)
async def test_anothers_objects_are_as_good_as_missing(world: World, persona: Persona) -> None:
    """Who may not call a route about everything is told the same of another tenant's object and of none at all."""
    other, wrong = await world.tenant(), []
    for route in MANAGEMENT_ROUTES:
        if persona in route.policy.everywhere or not SAMPLES[route.name].names_object:
            continue
        tenant, sample = await world.tenant(), SAMPLES[route.name]
        place = other.places["internal_user"]
        answers = [await world.ask(persona, tenant, route, sample.ask(of)) for of in (place, nowhere())]
        if answers[0].status not in REFUSED or answers[0].status != answers[1].status:
            wrong.append((route.name, *((answer.status, answer.text) for answer in answers)))
        if _ids(place) & _words(answers[0].text) - _words(json.dumps(asdict(sample.ask(place)))):
            wrong.append((route.name, "tells an id that was not asked for", answers[0].text))
    assert not wrong


@pytest.mark.parametrize("persona", PERSONAS)
async def test_administrators_reach_everything(world: World, persona: Persona) -> None:
    """Who stands in the policy's `everywhere` may call the route about any tenant's objects."""
    wrong = []
    for route in MANAGEMENT_ROUTES:
        if persona in route.policy.everywhere and SAMPLES[route.name].names_object:
            tenant, other = await world.tenant(), await world.tenant()
            reply = await world.ask(persona, tenant, route, SAMPLES[route.name].ask(other.places["internal_user"]))
            if reply.status != 200:
                wrong.append((route.name, reply.status, reply.text))
    assert not wrong


@pytest.mark.parametrize("persona", PERSONAS)
async def test_no_answer_holds_ids_of_another_tenant(world: World, persona: Persona) -> None:
    """Lists and searches show a persona nothing of a tenant that it may not see."""
    other, wrong = await world.tenant(), []
    for route in MANAGEMENT_ROUTES:
        sample = SAMPLES[route.name]
        if persona in route.policy.everywhere or persona not in route.policy.own or sample.names_object:
            continue
        tenant = await world.tenant()
        for place in (tenant.places[persona], other.places["internal_user"]):
            reply = await world.ask(persona, tenant, route, sample.ask(place))
            leaked = set().union(*(_ids(of) for of in other.places.values())) & _words(reply.text)
            leaked -= _words(json.dumps(asdict(sample.ask(place))))
            if leaked:
                wrong.append((route.name, reply.status, leaked))
    assert not wrong


def _ids(place: Place) -> set[str]:
    return set(asdict(place).values())


def _words(text: str) -> set[str]:
    """Return the words of a text as ids are made of them."""
    return set("".join(letter if letter.isalnum() or letter in "-_" else " " for letter in text).split())
