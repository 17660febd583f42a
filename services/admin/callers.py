"""Who calls a management route: its memberships and routes, read from the store for each request, never outdated."""

from dataclasses import replace

from services.admin.domain.rights import Caller, caller_without_groups
from shared.errors import Unauthenticated
from shared.schemas.context import Principal
from shared.store.connection import Store
from shared.store.keys import Keys
from shared.store.people import memberships

MOST_GROUPS = 10_000


class Callers:
    """Looks up what a principal administers."""

    def __init__(self, store: Store) -> None:
        self._memberships = memberships(store)
        self._keys = Keys(store)

    async def of(self, principal: Principal) -> Caller:
        """Return the caller; raises `Unauthenticated` for a key that is gone by now, and `StoreUnavailable`."""
        caller = caller_without_groups(principal)
        if caller.key and not caller.is_reader:
            record = await self._keys.find_by_id([caller.key])
            if record is None:
                # Without its record nobody knows what it may not hand on.
                raise Unauthenticated("This API key does not exist any more.")
            caller = replace(caller, routes=record.allowed_routes)
        if not caller.user or caller.sees_all:
            return caller
        found = await self._memberships.where({"user": caller.user}, limit=MOST_GROUPS)
        return replace(
            caller,
            teams=frozenset(item.group for item in found if item.kind == "team"),
            administered_teams=frozenset(item.group for item in found if item.kind == "team" and item.role == "admin"),
            organizations=frozenset(item.group for item in found if item.kind == "organization"),
            administered_organizations=frozenset(
                item.group for item in found if item.kind == "organization" and item.role == "admin"
            ),
        )
