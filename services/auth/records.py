"""The caches of every kind of record that tells what a caller may do."""

from dataclasses import dataclass, fields
from functools import cached_property

from services.auth.record_cache import RecordCache
from shared.bus.changes import ChangeFollower
from shared.schemas.control import Change
from shared.store.budgets import BudgetRecord, budgets
from shared.store.connection import Store
from shared.store.keys import KeyRecord, Keys
from shared.store.people import (
    CustomerRecord,
    MembershipRecord,
    OrganizationRecord,
    TeamRecord,
    UserRecord,
    customers,
    memberships,
    organizations,
    teams,
    users,
    users_by_sso,
)


@dataclass(frozen=True)
class Records:
    """A cache for each kind; fields are named as the kinds of changes that they follow, but for `sso`."""

    key: RecordCache[KeyRecord]
    user: RecordCache[UserRecord]
    team: RecordCache[TeamRecord]
    member: RecordCache[MembershipRecord]
    organization: RecordCache[OrganizationRecord]
    customer: RecordCache[CustomerRecord]
    budget: RecordCache[BudgetRecord]
    sso: RecordCache[UserRecord]
    """Users by what their OIDC provider calls them."""

    @classmethod
    def of_store(cls, store: Store, capacity: int) -> "Records":
        """Return empty caches in front of a store, each for so many records."""
        return cls(
            key=RecordCache(Keys(store).find, capacity, "key"),
            user=RecordCache(users(store).find, capacity, "user"),
            team=RecordCache(teams(store).find, capacity, "team"),
            member=RecordCache(memberships(store).find, capacity, "member"),
            organization=RecordCache(organizations(store).find, capacity, "organization"),
            customer=RecordCache(customers(store).find, capacity, "end user"),
            budget=RecordCache(budgets(store).find, capacity, "budget"),
            sso=RecordCache(users_by_sso(store), capacity, "user"),
        )

    @cached_property
    def all(self) -> dict[str, RecordCache[object]]:
        """Every cache by its kind."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def follow(self, follower: ChangeFollower) -> None:
        """Cache from now on what is true as of the changes that `follower` heard."""
        for cache in self.all.values():
            cache.follower = follower

    def forget(self, change: Change) -> None:
        """Drop what changed; changes of other kinds are nothing to these caches."""
        cache = getattr(self, change.kind, None)
        if cache is not None:
            cache.forget(change.id)
        if change.kind == "user":
            # Which names it had is not told; there are few such users, and changes of users are rare.
            self.sso.clear()

    def clear(self) -> None:
        """Drop everything."""
        for cache in self.all.values():
            cache.clear()
