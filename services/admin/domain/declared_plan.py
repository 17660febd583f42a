"""What is to be done so that the store has what the configuration file declares. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from services.admin.domain.declared_records import DeclaredRecord
from services.admin.domain.key_ids import masked
from shared.schemas.control import ChangeKind
from shared.store.declarations import Declared
from shared.store.keys import KeyRecord
from shared.store.people import MembershipRecord

Action = Literal["create", "change", "remove"]

_KEPT = ("created_at", "updated_at", "updated_by", "account", "shelf")
"""What the file says nothing about."""


@dataclass(frozen=True, slots=True)
class Step:
    """One object that is made, changed or removed."""

    object: Declared
    action: Action
    before: DeclaredRecord | None
    after: DeclaredRecord | None
    fields: tuple[str, ...] = ()
    """What differs, where it is changed."""

    @property
    def name(self) -> str:
        """What people know the object by: of a key its alias, of a member the user and the group."""
        record = self.after or self.before
        return _name(record) if record is not None else self.object.id


def plan(
    wanted: Mapping[Declared, DeclaredRecord],
    present: Mapping[Declared, DeclaredRecord],
    declared: set[Declared],
    now: float,
) -> list[Step]:
    """Return the steps, removals first, so that a key's alias is free for its next value.

    `present` holds what the store has of the wanted objects and of those that the file `declared` before. An object
    that was made over the API and is declared now is taken over. A declared key with another value goes on with the
    spend of the one before.
    """
    removed = [
        Step(object, "remove", present[object], None)
        for object in sorted(declared - wanted.keys())
        if object in present
    ]
    accounts = {step.before.key_alias: step.before.id for step in removed if isinstance(step.before, KeyRecord)}
    return removed + [
        step
        for object, record in wanted.items()
        if (step := _step(object, _continued(record, accounts), present.get(object), now)) is not None
    ]


def _continued(record: DeclaredRecord, accounts: Mapping[str, str]) -> DeclaredRecord:
    if isinstance(record, KeyRecord) and record.key_alias in accounts:
        return msgspec.structs.replace(record, account=accounts[record.key_alias])
    return record


def _step(object: Declared, wanted: DeclaredRecord, before: DeclaredRecord | None, now: float) -> Step | None:
    if before is None:
        return Step(object, "create", None, _begun(wanted, wanted, now))
    kept = {name: getattr(before, name) for name in _KEPT if hasattr(before, name)}
    if isinstance(wanted, KeyRecord) and wanted.key_name == masked(""):
        # Of a key that is declared by its hash the last characters are not known.
        kept["key_name"] = getattr(before, "key_name", "")
    after = _begun(msgspec.structs.replace(wanted, **kept), before, now)
    fields = _differences(before, after)
    if not fields:
        return None
    return Step(object, "change", before, msgspec.structs.replace(after, updated_at=now), fields)


def _begun(record: DeclaredRecord, before: DeclaredRecord, now: float) -> DeclaredRecord:
    """Return a record with its budget's period: one that goes on, or one that begins now."""
    limits, old = record.limits, before.limits
    since = 0.0
    if limits.budget_duration:
        goes_on = old.budget_duration == limits.budget_duration and old.budget_since
        since = old.budget_since if goes_on else now
    changed = msgspec.structs.replace(record, limits=msgspec.structs.replace(limits, budget_since=since))
    return changed if changed.created_at else msgspec.structs.replace(changed, created_at=now)


def _differences(before: DeclaredRecord, after: DeclaredRecord) -> tuple[str, ...]:
    return tuple(name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name))


def step_shape(step: Step) -> dict[str, Any]:
    """Return a step for people: what is done, to which object, and which fields differ."""
    return {"kind": step.object.kind, "name": step.name, "action": step.action, "fields": list(step.fields)}


def references(records: Sequence[DeclaredRecord]) -> dict[Declared, DeclaredRecord]:
    """Return the objects that records refer to, each with the first one that does."""
    found: dict[Declared, DeclaredRecord] = {}
    for record in records:
        for kind, id in _referred(record):
            if id:
                found.setdefault(Declared(kind, id), record)
    return found


def called(record: DeclaredRecord) -> str:
    """Return what a sentence calls a record."""
    return f"the key '{record.key_alias}'" if isinstance(record, KeyRecord) else f"'{_name(record)}'"


def _referred(record: DeclaredRecord) -> list[tuple[ChangeKind, str]]:
    """Return the kinds and ids that a record names; an id is empty where it names none."""
    if isinstance(record, MembershipRecord):
        return [("user", record.user), (record.kind, record.group)]
    return [
        ("budget", getattr(record, "budget_id", "")),
        ("user", getattr(record, "user_id", "")),
        ("team", getattr(record, "team_id", "")),
        ("organization", getattr(record, "organization_id", "")),
    ]


def _name(record: DeclaredRecord) -> str:
    match record:
        case KeyRecord():
            return record.key_alias
        case MembershipRecord():
            return f"{record.user} of {record.kind} {record.group}"
        case _:
            return record.id
