"""What a batch of completions changes in the ledger's sums: one row for each of those who pay, and each day. Pure.

A row holds a day's figures by model group, provider and model, and its spend by half hours, so that a sum since any
moment needs no more than the rows and half an hour of pages (docs/adr/0007-ledger-writes.md).
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from shared.routes.llm import PREFIX
from shared.schemas.events import Completion
from shared.schemas.scopes import SEPARATOR, member_id
from shared.store.connection import Document

AMOUNTS = (
    "spend",
    "requests",
    "failed",
    "unpriced",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
)
"""The figures of a row; spend is nano-dollars."""

DAY = 86_400
SLOT = 1800
"""Seconds of a part of a day that has its own spend: nearly every time zone's midnight begins one."""

Kind = Literal["all", "caller", "team", "organization", "customer", "tag", "opening"]
"""Whose row it is. A *caller* is a key with its user, team and organization, so that one row serves all that ask for
a key, a user, or a member of a team. An *opening* is what was spent in one scope before, in another gateway: it stands
in no total and in no report."""

ALL = "all"

Amounts = list[int]
"""By the order of `AMOUNTS`."""


class Party(NamedTuple):
    """Whom a request belongs to; an empty id is none."""

    key: str
    user: str
    team: str
    organization: str
    customer: str


class Row(NamedTuple):
    """Which row: whose it is, by an id that is unique within its kind, and the day (UTC)."""

    kind: Kind
    id: str
    day: str

    @property
    def text(self) -> str:
        """Return the id of its document."""
        return SEPARATOR.join(self)


class Line(NamedTuple):
    """What a row has figures by."""

    group: str
    provider: str
    model: str


class Cell(NamedTuple):
    """The smallest thing that is summed."""

    party: Party
    tags: tuple[str, ...]
    slot: int
    line: Line
    opening: str


class Tally:
    """What a batch of completions changes in the rows."""

    def __init__(self) -> None:
        self._cells: dict[Cell, Amounts] = {}
        self._aliases: dict[str, str] = {}

    def add(self, completion: Completion, sign: int = 1) -> None:
        """Count a completion, or take it away."""
        party, tags = party_of(completion), tuple(dict.fromkeys(completion.tags))
        self._aliases[party.key] = completion.key_alias
        slot, native = int(completion.ended // SLOT), completion.route.startswith(PREFIX)
        opening = completion.opening
        line = Line("", "", "")
        for attempt in completion.attempts:
            # A name that served nothing may be anything that a caller made up, and rows must not grow with it. On
            # native routes that is so until a provider counted tokens for it: it may answer without reading the name.
            served = (attempt.cost or attempt.outcome == "success") and not native
            used = served or attempt.usage.total_tokens or completion.group_exists
            line = _line(completion.model_group, attempt.provider, attempt.model) if used else Line("", "", "")
            usage, amounts = attempt.usage, self._amounts(Cell(party, tags, slot, line, opening))
            amounts[0] += sign * attempt.cost
            amounts[3] += sign * attempt.unpriced
            amounts[4] += sign * usage.prompt_tokens
            amounts[5] += sign * usage.completion_tokens
            amounts[6] += sign * usage.cache_read
            amounts[7] += sign * (usage.cache_write_5m + usage.cache_write_1h)
        amounts = self._amounts(Cell(party, tags, slot, line, opening))
        amounts[1] += sign
        amounts[2] += sign * (completion.status >= 400)

    @property
    def size(self) -> int:
        """How many different sums it holds."""
        return len(self._cells)

    def rows(self) -> "dict[Row, RowChange]":
        """Return the rows that change, with what is added to each."""
        found: dict[Row, RowChange] = {}
        for cell, amounts in self._cells.items():
            if not any(amounts):
                continue
            day = day_of(cell.slot * SLOT)
            for kind, id in rows_of(cell.party, cell.tags, cell.opening):
                row = Row(kind, id, day)
                change = found.get(row)
                if change is None:
                    change = found[row] = RowChange(row, cell.party, self._aliases[cell.party.key])
                change.add(cell, amounts)
        return found

    def _amounts(self, cell: Cell) -> Amounts:
        amounts = self._cells.get(cell)
        if amounts is None:
            amounts = self._cells[cell] = [0] * len(AMOUNTS)
        return amounts


class RowChange:
    """What is added to one row."""

    def __init__(self, row: Row, party: Party, alias: str) -> None:
        self.row = row
        self._alias = alias
        self._party = party
        self._lines: dict[Line, Amounts] = {}
        self._slots: dict[tuple[int, str], int] = {}

    def add(self, cell: Cell, amounts: Amounts) -> None:
        """Add a cell's amounts."""
        line = self._lines.setdefault(cell.line, [0] * len(AMOUNTS))
        for number, amount in enumerate(amounts):
            line[number] += amount
        place = (cell.slot % (DAY // SLOT), cell.line.group)
        self._slots[place] = self._slots.get(place, 0) + amounts[0]

    def increments(self) -> dict[str, int]:
        """Return what to add, by the path of the field; nothing where nothing changes."""
        found: dict[str, int] = {}
        for line, amounts in self._lines.items():
            at = f"lines.{escaped(SEPARATOR.join(line))}."
            found |= {at + name: amount for name, amount in zip(AMOUNTS, amounts, strict=True) if amount}
        for (slot, group), spend in self._slots.items():
            if spend:
                found[f"slots.{slot}.{escaped(group)}"] = spend
        total = sum(amounts[0] for amounts in self._lines.values())
        return found | {"spend": total} if total else found

    def identity(self) -> Document:
        """Return the fields that a new row gets."""
        fields: Document = {"kind": self.row.kind, "id": self.row.id, "day": self.row.day}
        fields["names"] = names_of(self.row, self._party)
        if self.row.kind == "caller":
            given = self._party._asdict() | {"customer": "", "alias": self._alias}
            fields |= {name: value for name, value in given.items() if value}
        return fields


def _line(*names: str) -> Line:
    """Return where an attempt is counted: native routes have the names of callers, which may hold a separator."""
    return Line(*(name.replace(SEPARATOR, " ") for name in names))


def party_of(completion: Completion) -> Party:
    """Return whom a completion belongs to."""
    return Party(
        completion.key, completion.user, completion.team, completion.organization, completion.end_user
    )  # fmt: skip


def rows_of(party: Party, tags: Iterable[str], opening: str = "") -> Iterator[tuple[Kind, str]]:
    """Yield whose rows a request is counted in."""
    if opening:
        yield "opening", opening
        return
    yield "all", ""
    yield "caller", SEPARATOR.join(party[:4])
    if party.team:
        yield "team", party.team
    if party.organization:
        yield "organization", party.organization
    if party.customer:
        yield "customer", party.customer
    for tag in tags:
        yield "tag", tag


def names_of(row: Row, party: Party) -> list[str]:
    """Return the names under which a row is found: what it is summed for, and the lists that it stands in."""
    if row.kind == "all":
        return [ALL]
    if row.kind == "opening":
        return [row.id, listed("opening")]
    if row.kind != "caller":
        return [named(row.kind, row.id), listed(row.kind)]
    return [
        *caller_names(party),
        listed("caller"),
        *([listed("caller", "team", party.team)] if party.team else ()),
        *([listed("caller", "organization", party.organization)] if party.organization else ()),
    ]


def caller_names(party: Party) -> list[str]:
    """Return the names of a key, its user, and the user within its team."""
    found = []
    if party.key:
        found.append(named("key", party.key))
    if party.user:
        found.append(named("user", party.user))
    if party.team and party.user:
        found.append(named("member", member_id(party.team, party.user)))
    return found


def named(kind: str, id: str) -> str:
    """Return the name of what is summed."""
    return f"{kind}{SEPARATOR}{id}"


def listed(kind: str, within: str = "", id: str = "") -> str:
    """Return the name of a list: of all rows of a kind, or of those within a group."""
    return SEPARATOR.join(("list", kind, within, id)) if within else SEPARATOR.join(("list", kind))


def is_list(name: str) -> bool:
    """Tell whether a name is that of a list, which may be long."""
    return name.startswith(f"list{SEPARATOR}")


def spend_of_row(row: Mapping[str, Any], group: str) -> int:
    """Return a row's spend, or that of one model group."""
    if not group:
        return int(row.get("spend", 0))
    return sum(line["spend"] for name, line in lines_of(row) if name.group == group)


def spend_of_slots(row: Mapping[str, Any], after: int, group: str) -> int:
    """Return a row's spend in the half hours after one of that day."""
    found = 0
    for slot, groups in row.get("slots", {}).items():
        if int(slot) > after:
            found += sum(spend for name, spend in groups.items() if not group or unescaped(name) == group)
    return found


def lines_of(row: Mapping[str, Any]) -> Iterator[tuple[Line, dict[str, int]]]:
    """Yield a row's figures by model group, provider and model; each has all `AMOUNTS`."""
    for name, amounts in row.get("lines", {}).items():
        yield Line(*unescaped(name).split(SEPARATOR)), {amount: int(amounts.get(amount, 0)) for amount in AMOUNTS}


def totals_of(row: Mapping[str, Any]) -> dict[str, int]:
    """Return a row's figures over all models."""
    found = dict.fromkeys(AMOUNTS, 0)
    for _, amounts in lines_of(row):
        for name, amount in amounts.items():
            found[name] += amount
    return found


@lru_cache(1024)
def day_of(moment: int) -> str:
    """Return the day (UTC) of Unix seconds."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def slot_of(moment: float) -> int:
    """Return the half hour of its day."""
    return int(moment // SLOT) % (DAY // SLOT)


_ESCAPES = {"%": "%25", ".": "%2E", "$": "%24", "\0": "%00"}
_TABLE = str.maketrans(_ESCAPES)


@lru_cache(4096)
def escaped(name: str) -> str:
    """Return a name of somebody else's choice as the name of a field: no path, no operator, never empty."""
    return "=" + name.translate(_TABLE)


@lru_cache(4096)
def unescaped(field: str) -> str:
    """Return the name that a field stands for."""
    name = field[1:]
    for character, escape in reversed(_ESCAPES.items()):
        name = name.replace(escape, character)
    return name
