"""Standings put together from cached records are what the store says, whatever changed in whatever order."""

import asyncio
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth.domain.standing import Standing, organization_of, standing_of
from services.auth.domain.surroundings import Surroundings
from services.auth.record_cache import RecordCache
from services.auth.records import Records
from services.auth.standings import Standings
from shared.schemas.control import Change
from shared.schemas.limits import Limits
from shared.store.budgets import BudgetRecord
from shared.store.people import membership_id
from tests.unit.auth.making import RULES, key, member, organization, team, user

MEMBER = membership_id("team", "t", "u")


class World:
    """A store in memory, with an auth worker's standings in front of it."""

    def __init__(self, capacity: int) -> None:
        self.stored: dict[str, dict[str, Any]] = {field.name: {} for field in fields(Records)}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.asked = 0
        self.catalog: Any = SimpleNamespace(generation=0, members=lambda name: self.groups.get(name, ()))
        self.follower: Any = SimpleNamespace(generation=0, fresh=True)
        self.records = Records(**{kind: RecordCache(self.finder(kind), capacity, kind) for kind in self.stored})
        self.records.follow(self.follower)
        self.standings = Standings(self.records, self.catalog, RULES, capacity)

    def finder(self, kind: str) -> Any:
        """Return what looks a record up, a moment later."""

        async def find(id: str) -> Any:
            self.asked += 1
            await asyncio.sleep(0)
            return self.stored[kind].get(id)

        return find

    def write(self, kind: Any, id: str, record: Any) -> None:
        """Write or delete a record, and tell of it."""
        if record is None:
            self.stored[kind].pop(id, None)
        else:
            self.stored[kind][id] = record
        self.follower.generation += 1
        self.standings.changed(Change(self.follower.generation, kind, id))

    def truth(self, hash: str) -> Standing | None:
        """Return the standing of a key by what is stored right now."""
        record = self.stored["key"].get(hash)
        if record is None:
            return None
        its_team = self.stored["team"].get(record.team_id)
        place = membership_id("team", record.team_id, record.user_id)
        around = Surroundings(
            self.stored["user"].get(record.user_id),
            its_team,
            self.stored["member"].get(place) if record.team_id and record.user_id else None,
            self.stored["organization"].get(organization_of(record, its_team)),
            self.stored["budget"],
        )
        return standing_of(record, around, self.catalog.members, RULES)


BUDGET_IDS = st.sampled_from(["", "b"])
MODELS = st.sampled_from([(), ("a",), ("group",), ("all-team-models",)])
LIMITS = st.sampled_from([Limits(), Limits(rpm=1), Limits(max_budget=5, budget_duration="10s")])
FACTS = st.fixed_dictionaries({"budget_id": BUDGET_IDS, "models": MODELS, "limits": LIMITS})


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str, Any]:
    """Return a change: a record that is written, or deleted."""
    kind = draw(st.sampled_from(["key", "user", "team", "member", "organization", "budget", "models"]))
    facts = draw(FACTS)
    gone = draw(st.booleans()) and draw(st.booleans())
    if kind == "key":
        hash = draw(st.sampled_from(["h1", "h2"]))
        places = draw(st.sampled_from([{}, {"user_id": "u"}, {"team_id": "t"}, {"user_id": "u", "team_id": "t"}]))
        return kind, hash, None if gone else key(hash=hash, **places, **facts)
    made = {
        "user": ("u", lambda: user(**facts)),
        "team": ("t", lambda: team(organization_id=draw(st.sampled_from(["", "o"])), **facts)),
        "member": (MEMBER, lambda: member(**facts)),
        "organization": ("o", lambda: organization(**facts)),
        "budget": ("b", lambda: BudgetRecord("b", 1.0, facts["limits"])),
        "models": ("group", lambda: facts["models"]),
    }
    id, make = made[kind]
    return kind, id, None if gone else make()


@settings(max_examples=150)
@given(st.lists(changes(), max_size=25), st.sampled_from([1, 2, 100]))
def test_a_standing_is_what_the_store_says(steps: list[tuple[str, str, Any]], capacity: int) -> None:
    """After every change, for every key: from caches of any size, by those who ask at once and those who wait."""

    async def play() -> None:
        world = World(capacity)
        for kind, id, record in steps:
            if kind == "models":
                world.groups = {id: record or ()}
                world.catalog.generation += 1
            else:
                world.write(kind, id, record)
            for hash in ("h1", "h2"):
                truth = world.truth(hash)
                assert (await world.standings.look_up(hash)).standing == truth
                known = world.standings.known(hash)
                assert known is None or known.standing == truth

    asyncio.run(play())


async def test_a_change_of_something_else_asks_nothing() -> None:
    """Every standing looks at its records; those of others may change as they like."""
    world = World(100)
    world.write("team", "t", team())
    world.write("key", "h", key(team_id="t"))
    before = await world.standings.look_up("h")
    asked = world.asked
    for number in range(5):
        world.write("team", f"other-{number}", msgspec.structs.replace(team(), id=f"other-{number}"))
        assert world.standings.known("h") is before
    assert world.asked == asked
