"""Generated from the route table and the OpenAPI document: what a body may say, by who says it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import get_args

import aiohttp
import pytest

from shared.openapi.management import MANAGEMENT_SHAPES
from shared.routes import MANAGEMENT_ROUTES, Route
from shared.routes.policy import Persona
from shared.store.connection import Store
from tests.support.field_samples import FIELD_SAMPLES
from tests.support.route_samples import SAMPLES, Ask
from tests.support.stack import Stack
from tests.support.tenants import Place, nowhere
from tests.support.world import World

ROUTES = [route for route in MANAGEMENT_ROUTES if route.policy.own and MANAGEMENT_SHAPES[route.name].body]
PERSONAS = [persona for persona in get_args(Persona) if any(persona in route.policy.own for route in ROUTES)]

SERVERS_OWN = (
    "account",
    "created_at",
    "created_by",
    "declared",
    "hash",
    "role_of_caller",
    "shelf",
    "token",
    "updated_by",
)
"""What records hold and no body says."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own."""
    with Stack(tmp_path_factory.mktemp("fields"), config={}) as running:
        yield running


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    """Return who makes tenants and asks for them."""
    store = Store.open(stack.mongodb_url)
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=60)) as http:
        yield World(stack, store, http)
    await store.close()


def fields_of(route: Route) -> set[str]:
    """Return the documented fields of a route's body."""
    body = MANAGEMENT_SHAPES[route.name].body
    return set() if body is None else set(body["properties"])


def asked(route: Route, place: Place, also: dict[str, object]) -> Ask:
    """Return a route's sample with more in its body."""
    sample = SAMPLES[route.name].ask(place)
    return replace(sample, body={**(sample.body or {}), **also})


def test_every_field_is_known_to_be_harmless_or_greedy() -> None:
    """A new field of a body is in the matrix, or fails here."""
    unknown = {}
    for route in ROUTES:
        sample = FIELD_SAMPLES[route.name]
        named = set(SAMPLES[route.name].ask(nowhere()).body or {})
        unknown[route.name] = fields_of(route) - named - sample.greedy.keys() - sample.harmless
    assert {name: fields for name, fields in unknown.items() if fields} == {}
    assert set(FIELD_SAMPLES) == {route.name for route in ROUTES}


@pytest.mark.parametrize("persona", PERSONAS)
async def test_nobody_grants_what_it_does_not_have(world: World, persona: Persona) -> None:
    """Each greedy field is refused to everybody but proxy administrators, about their own objects, by its name."""
    tenant, other, wrong = await world.tenant(), (await world.tenant()).places["internal_user"], []
    for route in ROUTES:
        if persona in route.policy.everywhere or persona not in route.policy.own:
            continue
        for field, say in FIELD_SAMPLES[route.name].greedy.items():
            if field not in fields_of(route):
                continue
            status, text = await world.ask(persona, tenant, route, asked(route, tenant.places[persona], say(other)))
            if status not in (400, 403):
                wrong.append((route.name, field, status, text[:200]))
    assert [item[:2] for item in wrong] == [], wrong


async def test_no_body_says_what_only_the_server_knows(world: World) -> None:
    """Who made an object, its hash or its account: 400 to everybody, proxy administrators included."""
    tenant, wrong = await world.tenant(), []
    for route in MANAGEMENT_ROUTES:
        if MANAGEMENT_SHAPES[route.name].body is None:
            continue
        for field in set(SERVERS_OWN) - fields_of(route):
            ask = asked(route, tenant.places["proxy_admin"], {field: "x"})
            status, text = await world.ask("proxy_admin", tenant, route, ask)
            if status != 400 or f"'{field}'" not in text:
                wrong.append((route.name, field, status, text[:200]))
    assert not wrong
