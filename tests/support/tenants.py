"""Two of everything: tenants with an organization, a team, people and keys, written straight into the store."""

import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.routes.policy import Persona
from shared.schemas.limits import Limits, ModelLimits
from shared.security.keys import key_digest, new_key, stored_hash
from shared.store.audit import Audit, AuditEntry
from shared.store.budgets import BudgetRecord, budgets
from shared.store.connection import Session, Store
from shared.store.credentials import CredentialRecord, Credentials
from shared.store.keys import KeyRecord, Keys
from shared.store.models import ModelRecord, Models
from shared.store.people import (
    CustomerRecord,
    MemberRole,
    MembershipRecord,
    OrganizationRecord,
    TeamRecord,
    UserRecord,
    customers,
    membership_id,
    memberships,
    organizations,
    teams,
    users,
)

_ROLES: Mapping[Persona, Any] = {
    "proxy_admin": "proxy_admin",
    "proxy_admin_viewer": "proxy_admin_viewer",
    "organization_admin": "internal_user",
    "team_admin": "internal_user",
    "internal_user": "internal_user",
    "internal_user_viewer": "internal_user_viewer",
}
"""The personas who are users, and the role that their record has."""

_IN_THE_TEAM: Mapping[Persona, MemberRole] = {
    "team_admin": "admin",
    "internal_user": "user",
    "internal_user_viewer": "user",
}

MODELS = ("demo", "spare")
LIMITS = Limits(
    rpm=100,
    tpm=10_000,
    parallel=10,
    max_budget=10_000_000_000,
    budget_duration="30d",
    budget_since=1.0,
    models={"demo": ModelLimits(rpm=10, tpm=1_000, max_budget=1_000_000_000, budget_duration="1d")},
)
"""What each organization, team, user and key has, and no more."""

RICH = Limits(max_budget=1_000_000_000_000_000, rpm=1_000_000)
"""What a budget has that nobody refers to."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Place:
    """The ids that a request may name, all of one tenant, as one persona stands to them."""

    key: str
    """The stored hash of a key: the persona's own, or one of the team's for who administers a group."""
    user: str
    """The persona's own user; the team's plain member where it has none."""
    team: str
    organization: str
    member: str
    """A plain member of the team and of the organization."""
    newcomer: str
    """A user who is in no group."""
    customer: str
    budget: str
    model: str
    """The id of a stored deployment."""
    credential: str
    change: str
    """The id of an entry of the audit trail."""
    fresh: str
    """A name that nothing has yet."""

    @property
    def private(self) -> frozenset[str]:
        """The ids that nobody outside of the tenant may be told."""
        return frozenset({self.key, self.user, self.team, self.organization, self.member, self.newcomer})


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant, with a key for each persona."""

    name: str
    keys: Mapping[Persona, str]
    """The keys themselves."""
    places: Mapping[Persona, Place]


async def make_tenant(store: Store, secret: bytes) -> Tenant:
    """Write a tenant that has nothing to do with any other."""
    name = f"{secrets.token_hex(3)}{next(_numbers)}"
    now = time.time()
    organization, team, member, newcomer = f"org-{name}", f"team-{name}", f"member-{name}", f"new-{name}"
    people = {persona: f"{persona}-{name}" for persona in _ROLES}
    joined = [("organization", organization, people["organization_admin"], "admin")]
    joined += [("organization", organization, member, "user"), ("team", team, member, "user")]
    joined += [("team", team, people[persona], role) for persona, role in _IN_THE_TEAM.items()]
    change = AuditEntry(now, "nobody", "nobody", "budget.made", "budget", f"budget-{name}", after={})
    everybody = [
        *(
            UserRecord(user, now, role=_ROLES[persona], models=MODELS, limits=LIMITS)
            for persona, user in people.items()
        ),
        UserRecord(member, now, organization_id=organization),
        UserRecord(newcomer, now),
    ]
    owners: dict[Persona, tuple[str, str]] = {
        persona: (user, team if persona in _IN_THE_TEAM else "") for persona, user in people.items()
    }
    owners["key_holder"] = ("", team)
    keys = {persona: new_key() for persona in owners}
    of_a_member = new_key()
    records = [_record(keys[persona], secret, *owner) for persona, owner in owners.items()]
    # A key of somebody else's is for LLM routes: who manages the group may make it anew, and so get to know it.
    records.append(_record(of_a_member, secret, member, team, ("llm_api_routes",)))

    async def write(session: Session) -> None:
        await organizations(store).insert(OrganizationRecord(organization, now, models=MODELS, limits=LIMITS), session)
        of_team = TeamRecord(team, now, organization_id=organization, models=MODELS, limits=LIMITS)
        await teams(store).insert(of_team, session)
        await users(store).insert_many(everybody, session)
        await memberships(store).insert_many([_membership(*membership) for membership in joined], session)
        await customers(store).insert(CustomerRecord(f"customer-{name}", now), session)
        await budgets(store).insert(BudgetRecord(f"budget-{name}", now, limits=RICH), session)
        await Credentials(store).insert(CredentialRecord(f"credential-{name}", now), session)
        model = ModelRecord(f"model-{name}", f"group-{name}", "demo", "demo", now, created_by="nobody")
        await Models(store).insert(model, session)
        await Audit(store).record(change, session)
        await Keys(store).insert_many(records, session)

    # All of it or nothing: one at a time they would be in each other's way, since lists count what they hold.
    await store.atomically(write)
    (recorded,) = await Audit(store).history("budget", f"budget-{name}")
    groups = ("organization_admin", "team_admin")
    places = {
        persona: Place(
            key=_hash(of_a_member if persona in groups else keys[persona], secret),
            user=people.get(persona, member), team=team, organization=organization, member=member, newcomer=newcomer,
            customer=f"customer-{name}", budget=f"budget-{name}", model=f"model-{name}",
            credential=f"credential-{name}", change=recorded.id, fresh=f"fresh-{name}",
        )
        for persona in keys
    }  # fmt: skip
    return Tenant(name, keys, places)


def nowhere() -> Place:
    """Return ids of things that do not exist."""
    name = f"{secrets.token_hex(3)}{next(_numbers)}"
    kinds = ("user", "team", "org", "member", "new", "customer", "budget", "model", "credential", "change", "fresh")
    return Place(secrets.token_hex(32), *(f"{kind}-{name}" for kind in kinds))


def _membership(kind: Any, group: str, user: str, role: Any) -> MembershipRecord:
    return MembershipRecord(membership_id(kind, group, user), kind, group, user, time.time(), role)


def _record(key: str, secret: bytes, user: str, team: str, routes: tuple[str, ...] = ()) -> KeyRecord:
    name = f"sk-...{key[-4:]}"
    return KeyRecord(
        _hash(key, secret), name, time.time(), user_id=user, team_id=team, allowed_routes=routes, models=MODELS,
        limits=LIMITS,
    )  # fmt: skip


def _hash(key: str, secret: bytes) -> str:
    return stored_hash(key_digest(key), secret)
