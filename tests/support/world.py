"""Tenants in a stack's store, who ask its management routes over HTTP."""

from urllib.parse import quote

import aiohttp

from shared.routes import Route
from shared.routes.policy import Persona
from shared.store.connection import Store
from tests.support.route_samples import Ask
from tests.support.stack import Stack
from tests.support.tenants import Tenant, make_tenant


class World:
    """Tenants in a stack's store, who ask its routes."""

    def __init__(self, stack: Stack, store: Store, http: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._store = store
        self._http = http

    async def tenant(self) -> Tenant:
        """Make one."""
        return await make_tenant(self._store, bytes.fromhex(self._stack.secret("secret")))

    async def ask(self, persona: Persona, tenant: Tenant, route: Route, ask: Ask) -> tuple[int, str]:
        """Ask a route with a persona's key; return status and answer."""
        path = route.paths[0].format(**{name: quote(value, safe="") for name, value in ask.path.items()})
        headers = self._stack.headers(tenant.keys[persona])
        async with self._http.request(route.method, path, params=ask.query, json=ask.body, headers=headers) as answer:
            return answer.status, await answer.text()
