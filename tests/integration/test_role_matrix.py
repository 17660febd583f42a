"""Generated from the route table: every management route as every persona, about its own objects and another's.

A route is here because it is in `shared.routes`; what it is asked stands in `tests/support/route_samples.py`.
"""

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import get_args

import aiohttp
import pytest

from shared.routes import MANAGEMENT_ROUTES, Route
from shared.routes.policy import Persona
from shared.security.keys import key_digest, stored_hash
from shared.store.audit import Audit, AuditFilter
from shared.store.connection import Store
from tests.support.route_samples import SAMPLES
from tests.support.stack import Stack
from tests.support.tenants import Place, nowhere
from tests.support.world import World

PERSONAS = get_args(Persona)
REFUSED = (403, 404)

CHANGE_NOTHING = {"budget_info", "config_plan", "config_reload", "organization_info_of_many", "spend_calculate"}
"""Routes that are no GET and change no object: they tell something, or apply a file in which nothing is new."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for tenants by the hundred."""
    with Stack(tmp_path_factory.mktemp("roles"), config={}) as running:
        yield running


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    """Return who makes tenants and asks for them."""
    store = Store.open(stack.mongodb_url)
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=60)) as http:
        yield World(stack, store, http)
    await store.close()


@pytest.fixture
async def audit(stack: Stack) -> AsyncIterator[Audit]:
    """Return who reads the audit trail."""
    store = Store.open(stack.mongodb_url)
    yield Audit(store)
    await store.close()


def is_allowed(persona: Persona, route: Route) -> bool:
    """Tell whether a route's policy lets a persona call it about what is its own."""
    return persona in route.policy.everywhere | route.policy.own


@pytest.mark.parametrize("persona", PERSONAS)
async def test_a_persona_may_call_what_the_policy_says_about_its_own(world: World, persona: Persona) -> None:
    """Every route, about objects of the persona's own tenant: 200 for who stands in the policy, 403 for all others."""
    idle, wrong = await world.tenant(), []
    for route in MANAGEMENT_ROUTES:
        allowed = is_allowed(persona, route)
        # Only a change that is made needs a tenant of its own.
        tenant = await world.tenant() if allowed and route.method != "GET" else idle
        status, text = await world.ask(persona, tenant, route, SAMPLES[route.name].ask(tenant.places[persona]))
        if status not in ((200,) if allowed else REFUSED):
            wrong.append((route.name, "allowed" if allowed else "refused", status, text[:300]))
    assert not wrong


@pytest.mark.parametrize("persona", PERSONAS)
async def test_anothers_objects_are_as_good_as_missing(world: World, persona: Persona) -> None:
    """Who may not call a route about everything is told the same of another tenant's object and of none at all."""
    tenant, place, wrong = await world.tenant(), (await world.tenant()).places["internal_user"], []
    for route in MANAGEMENT_ROUTES:
        sample = SAMPLES[route.name]
        if persona in route.policy.everywhere or not sample.names_object:
            continue
        answers = []
        for of in (place, nowhere()):
            status, text = await world.ask(persona, tenant, route, sample.ask(of))
            answers.append((status, without_ids(text, of)))
        if answers[0][0] not in REFUSED or answers[0] != answers[1]:
            wrong.append((route.name, *answers))
    assert not wrong


@pytest.mark.parametrize("persona", ["proxy_admin", "proxy_admin_viewer"])
async def test_administrators_reach_everything(world: World, persona: Persona) -> None:
    """Who stands in the policy's `everywhere` may call the route about any tenant's objects."""
    tenant, idle, wrong = await world.tenant(), await world.tenant(), []
    for route in MANAGEMENT_ROUTES:
        if persona in route.policy.everywhere and SAMPLES[route.name].names_object:
            other = await world.tenant() if route.method != "GET" else idle
            ask = SAMPLES[route.name].ask(other.places["internal_user"])
            status, text = await world.ask(persona, tenant, route, ask)
            if status != 200:
                wrong.append((route.name, status, text[:300]))
    assert not wrong


@pytest.mark.parametrize("persona", PERSONAS)
async def test_no_answer_holds_ids_of_another_tenant(world: World, persona: Persona) -> None:
    """Lists and searches show a persona nothing of a tenant that it may not see."""
    other, wrong = await world.tenant(), []
    secret = set().union(*(place.private for place in other.places.values()))
    for route in MANAGEMENT_ROUTES:
        sample = SAMPLES[route.name]
        if persona in route.policy.everywhere or not is_allowed(persona, route) or sample.names_object:
            continue
        tenant = await world.tenant()
        for place in (tenant.places[persona], other.places["internal_user"]):
            ask = sample.ask(place)
            status, text = await world.ask(persona, tenant, route, ask)
            leaked = {id for id in secret if id in text} - {id for id in secret if id in json.dumps(asdict(ask))}
            if leaked:
                wrong.append((route.name, status, leaked))
    assert not wrong


async def test_every_change_leaves_an_audit_entry(stack: Stack, world: World, audit: Audit) -> None:
    """Whatever route made it: who, when and from where, what was done to which object, and how it was and is."""
    secret, silent, wrong = bytes.fromhex(stack.secret("secret")), set(), []
    for route in MANAGEMENT_ROUTES:
        if route.method == "GET":
            continue
        tenant, began = await world.tenant(), time.time()
        ask = SAMPLES[route.name].ask(tenant.places["proxy_admin"])
        status, text = await world.ask("proxy_admin", tenant, route, ask)
        assert status == 200, (route.name, text)
        actor = stored_hash(key_digest(tenant.keys["proxy_admin"]), secret)
        entries = await audit.page(AuditFilter(actor=actor), since=began - 1, until=time.time() + 1, limit=100)
        if not entries:
            silent.add(route.name)
        for entry in entries:
            changed = entry.before != entry.after and all((entry.action, entry.kind, entry.object, entry.client))
            shown = json.dumps([entry.before, entry.after])
            told = [key for key in tenant.keys.values() if key in shown]
            if not changed or told or entry.actor_name == "" or not began <= entry.at <= time.time():
                wrong.append((route.name, entry))
    assert not wrong
    assert silent == CHANGE_NOTHING


def without_ids(text: str, place: Place) -> str:
    """Return an answer with a place's ids made the same for every place."""
    for name, id in asdict(place).items():
        text = text.replace(id, f"<{name}>")
    return text
