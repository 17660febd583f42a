"""Broadcasts of the control plane."""

from typing import Literal

import msgspec

ChangeKind = Literal[
    "key",
    "model",
    "user",
    "team",
    "member",
    "organization",
    "customer",
    "budget",
    "credential",
    "access_group",
    "configuration",
]
"""What changed. `configuration` is the file itself: whoever follows it reads it again."""


class Beat(msgspec.Struct, frozen=True, omit_defaults=True):
    """A worker is alive. Its service and id are in the subject."""

    ready: bool = True
    stopping: bool = False
    in_hand: int = 0
    missing: tuple[str, ...] = ()
    """What the worker cannot serve without right now."""
    declarations: str = ""
    """Of admin: `waiting`, `applied` or `refused`, what became of the objects that the configuration file declares."""


class Cancel(msgspec.Struct, frozen=True, omit_defaults=True):
    """Clients went away: requests by id, each with the last epoch that is to stop."""

    requests: dict[str, int]


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object changed; whoever caches it forgets it. Numbers follow each other without a gap."""

    number: int
    kind: ChangeKind
    id: str


class Clock(msgspec.Struct, frozen=True, omit_defaults=True):
    """The number of the last change, repeated so that a lost broadcast is noticed."""

    number: int


class ExposedFamily(msgspec.Struct, frozen=True):
    """One metric of one process in Prometheus' text format, so that whoever merges them needs no parser."""

    name: str
    head: str
    """Its HELP and TYPE lines."""
    samples: str
    """Its samples' lines, with the labels `service` and `worker`."""


class Exposition(msgspec.Struct, frozen=True):
    """What a worker replies to a scrape."""

    service: str
    worker: str
    families: list[ExposedFamily]
