"""Users, teams, organizations and who belongs to which: what the routes about them look up and write together."""

from collections.abc import Sequence

from services.admin.domain.member_fields import Person
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.schemas.limits import Limits
from shared.store.budgets import budgets
from shared.store.by_ids import questions
from shared.store.cards import Cards
from shared.store.connection import Session, Store
from shared.store.objects import one_of
from shared.store.people import (
    GroupKind,
    MemberRole,
    MembershipRecord,
    UserRecord,
    membership_id,
    memberships,
    organizations,
    teams,
    users,
)

MOST_MEMBERS = 10_000
"""Members of one group, and groups of one user."""


class People:
    """The collections of people, and what several routes do with them."""

    def __init__(self, store: Store) -> None:
        self.users = users(store)
        self.user_cards = Cards(store, "users")
        self.teams = teams(store)
        self.organizations = organizations(store)
        self.memberships = memberships(store)
        self._budgets = budgets(store)

    async def members(self, kind: GroupKind, group: str, session: Session = None) -> list[MembershipRecord]:
        """Return who belongs to a group, whoever came first before the others."""
        query = {"kind": kind, "group": group}
        return await self.memberships.where(query, limit=MOST_MEMBERS, down=False, session=session)

    async def groups(self, user: str, session: Session = None) -> list[MembershipRecord]:
        """Return what a user belongs to."""
        return await self.memberships.where({"user": user}, limit=MOST_MEMBERS, down=False, session=session)

    async def groups_of(self, users: Sequence[str]) -> dict[str, list[MembershipRecord]]:
        """Return what each of some users belongs to."""
        found: dict[str, list[MembershipRecord]] = {user: [] for user in users}
        for ids in questions(users):
            some = {"user": one_of(ids)}
            for item in await self.memberships.where(some, limit=len(users) * MOST_MEMBERS, down=False):
                found[item.user].append(item)
        return found

    async def named(self, person: Person, session: Session = None) -> UserRecord | None:
        """Return the user of that id, or else of that email address; raise `InvalidRequest` where they are two."""
        by_id = await self.users.find(person.user, session) if person.user else None
        if not person.email:
            return by_id
        found = await self.users.where({"email": person.email}, limit=1, session=session)
        by_email = found[0] if found else None
        if person.user and by_email is not None and by_email.id != person.user:
            raise InvalidRequest(f"'{person.email}' is the address of another user.", param="user_email")
        return by_id or by_email

    async def member(self, kind: GroupKind, group: str, person: Person, session: Session) -> MembershipRecord:
        """Return somebody's membership; raise `NotFound` where there is none."""
        user = await self.named(person, session)
        id = user.id if user else person.user
        found = await self.memberships.find(membership_id(kind, group, id), session) if id else None
        if found is None:
            raise NotFound(f"'{person.name}' is not a member of the {kind} '{group}'.", param="user_id")
        return found

    async def join(
        self,
        kind: GroupKind,
        group: str,
        user: str,
        session: Session,
        *,
        at: float,
        role: MemberRole,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        models: Sequence[str] = (),
    ) -> MembershipRecord:
        """Make a user a member of a group; raise `Conflict` for one who is."""
        id = membership_id(kind, group, user)
        if await self.memberships.find(id, session) is not None:
            raise Conflict(f"'{user}' is a member of the {kind} '{group}' already.", param="member")
        record = MembershipRecord(id, kind, group, user, at, role=role, limits=limits, models=tuple(models))
        await self.memberships.insert(record, session)
        return record

    async def check_budget(self, id: str, session: Session) -> None:
        """Raise `InvalidRequest` where an object would refer to a budget that does not exist."""
        if id and await self._budgets.find(id, session) is None:
            raise InvalidRequest(f"There is no budget '{id}'.", param="budget_id")
