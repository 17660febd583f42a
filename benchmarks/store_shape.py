"""What a filled store holds: keys, users, teams, memberships, and a ledger; each run makes the same."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.security.keys import key_digest, stored_hash
from shared.store.connection import Document
from shared.store.key_counts import owner_name
from shared.store.keys import KeyRecord
from shared.store.people import MembershipRecord, TeamRecord, UserRecord, membership_id
from shared.store.shelves import ROOM

MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet", "demo")
CUSTOMERS = 5000
DAY = 86_400


def key_of(number: int) -> str:
    """Return a key, the same each time."""
    return f"sk-bench-{number:012d}"


@dataclass(frozen=True)
class Shape:
    """How many there are of each, and who belongs to whom."""

    keys: int
    users: int
    teams: int
    documents: int
    active: int
    """Keys that make requests."""
    days: int
    """Days over which the ledger's documents lie, the last one before `begun`."""
    begun: float
    """Unix seconds of the first run: everything lies before."""

    @property
    def facts(self) -> dict[str, Any]:
        """Return the figures, to be kept beside what was loaded."""
        return asdict(self)

    def user(self, key: int) -> str:
        """Return a key's user."""
        return f"user-{key % self.users}"

    def team(self, key: int) -> str:
        """Return a key's team: that of its user."""
        return f"team-{key % self.users % self.teams}"

    def busy(self, chance: random.Random) -> int:
        """Return a key by how often it makes requests: few have most of them."""
        return int(self.active * chance.random() ** 3)


class Population:
    """Yields the documents of a shape as the store keeps them."""

    def __init__(self, shape: Shape, secret: bytes) -> None:
        self._shape = shape
        self._secret = secret

    def token(self, number: int) -> str:
        """Return the stored hash of a key."""
        return stored_hash(key_digest(key_of(number)), self._secret)

    def keys(self, first: int) -> Iterator[Document]:
        """Yield the keys from a number on, the oldest first; each stands on its shelf."""
        shape = self._shape
        for number in range(first, shape.keys):
            record = KeyRecord(
                self.token(number), f"sk-...{number % 10_000:04d}", shape.begun - shape.keys + number,
                key_alias=f"key {number}", user_id=shape.user(number), team_id=shape.team(number), shelf=number // ROOM,
            )  # fmt: skip
            yield _stored(record, "hash")

    def on_shelves(self) -> dict[str, int]:
        """Return how many objects there are of each kind that stands on shelves."""
        return {"keys": self._shape.keys, "users": self._shape.users, "teams": self._shape.teams, "customers": 0}

    def key_counts(self) -> "Counter[str]":
        """Return how many keys users and teams have, as they are counted."""
        shape, found = self._shape, Counter[str]()
        for number in range(shape.keys):
            found[owner_name("user_id", shape.user(number))] += 1
            found[owner_name("team_id", shape.team(number))] += 1
        return found

    def users(self, first: int) -> Iterator[Document]:
        """Yield the users from a number on."""
        for number in range(first, self._shape.users):
            email = f"user{number}@example.com"
            user = UserRecord(f"user-{number}", self._shape.begun - number, email=email)
            yield _stored(user) | {"shelf": (self._shape.users - 1 - number) // ROOM}

    def teams(self, first: int) -> Iterator[Document]:
        """Yield the teams from a number on."""
        for number in range(first, self._shape.teams):
            team = TeamRecord(f"team-{number}", self._shape.begun - number, alias=f"Team {number}")
            yield _stored(team) | {"shelf": (self._shape.teams - 1 - number) // ROOM}

    def memberships(self, first: int) -> Iterator[Document]:
        """Yield who is in which team, from a user's number on."""
        for number in range(first, self._shape.users):
            user, team = f"user-{number}", self._shape.team(number)
            yield _stored(
                MembershipRecord(membership_id("team", team, user), "team", team, user, self._shape.begun - number)
            )

    def completions(self, day: int) -> Iterator[Completion]:
        """Yield what ended on one of the days, the oldest first."""
        shape, chance = self._shape, random.Random(day)
        count = shape.documents // shape.days + (day < shape.documents % shape.days)
        begin = (shape.begun // DAY - shape.days + day) * DAY
        for place in range(count):
            key, ended = shape.busy(chance), begin + DAY * (place + chance.random()) / count
            model, id = chance.choice(MODELS), f"{day:04d}{place:028d}"
            usage = Usage(input=chance.randrange(2000), output=chance.randrange(500))
            attempt = Attempt(
                f"a{id}", "d-1", "openai", model, ended - 1, ended, "success", 200, usage, chance.randrange(10**7)
            )
            yield Completion(
                f"req_{id}", "chat_completions", "openai", model, "success", 200, ended - 1, ended,
                key=self.token(key), key_alias=f"key {key}", user=shape.user(key), team=shape.team(key),
                end_user=f"customer-{chance.randrange(CUSTOMERS)}" if place % 4 == 0 else "",
                tags=("production",) if place % 3 else (), attempts=(attempt,),
            )  # fmt: skip


def _stored(record: msgspec.Struct, id: str = "id") -> Document:
    """Return a record as its collection keeps it: what has names of the operator's choice is text."""
    fields: Document = msgspec.to_builtins(record)
    fields["_id"] = fields.pop(id)
    return fields | {
        name: msgspec.json.encode(value).decode() for name, value in fields.items() if isinstance(value, dict)
    }  # fmt: skip
