"""What a turn changed: journaled before its verdicts go out, and applied by the stand-bys.

Messages of the journal only ever gain optional fields: a new worker reads what an old one wrote.
"""

from typing import NamedTuple

import msgspec

from shared.schemas.limits import Verdict


class Admitted(msgspec.Struct, frozen=True, array_like=True):
    """A request that began."""

    id: str
    owner: str
    deadline: float
    tokens: int
    cost: int
    scopes: tuple[str, ...]
    counted: tuple[int, ...]
    """For each scope, the measures that count there, as a sum of the bits in `tables.py`."""
    tenant: str = ""
    """Who brings in scopes that are new; empty where none is."""


class Charged(msgspec.Struct, frozen=True, array_like=True):
    """A request whose real use is known."""

    id: str
    tokens: int
    cost: int
    at: float
    estimated: bool = False
    """True where the real use may still come."""


class Freed(msgspec.Struct, frozen=True, array_like=True):
    """A request that is over."""

    id: str
    sent: bool


class Began(msgspec.Struct, frozen=True, array_like=True):
    """A budget's period that began, or whose end changed."""

    scope: str
    since: float
    until: float


class Loaded(msgspec.Struct, frozen=True, array_like=True):
    """A budget that was read from the ledger."""

    scope: str
    since: float
    until: float
    spent: int
    asked: float
    again: float
    pause: float
    tenant: str = ""
    """Who brings in the scope, if it is new."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that one call changed, in the order of its fields."""

    at: float
    lost: tuple[str, ...] = ()
    """Owners that died."""
    settled: tuple[Charged, ...] = ()
    released: tuple[Freed, ...] = ()
    dropped: tuple[str, ...] = ()
    """Requests that were never settled, long after their deadline."""
    loaded: tuple[Loaded, ...] = ()
    forgotten: tuple[str, ...] = ()
    """Scopes that nobody used for long."""
    began: tuple[Began, ...] = ()
    admitted: tuple[Admitted, ...] = ()
    turned_back: bool = False
    """True when the clock was found far behind before anything else: windows begin anew."""

    @property
    def empty(self) -> bool:
        """True when nothing changed: then there is nothing to journal."""
        return not (
            self.admitted or self.settled or self.released or self.lost or self.loaded
            or self.began or self.dropped or self.forgotten or self.turned_back
        )  # fmt: skip


class Needed(NamedTuple):
    """A budget that must be read from the ledger: what its scope spent since a time."""

    scope: str
    since: float


class SoftReached(NamedTuple):
    """What a scope spent in a period reached its soft budget."""

    scope: str
    since: float
    until: float
    soft: int
    spent: int
    at: float
    """When that was found."""


class TurnResult(NamedTuple):
    """What a call decided. Nothing of it may leave the process before the record is in the journal."""

    record: Record
    verdicts: list[Verdict]
    """In no particular order; also of asks that waited since an earlier turn."""
    waiting: list[str]
    """Asks of this turn that have no verdict yet."""
    needed: list[Needed]
    """To be answered by `load`. Repeated until it comes."""
    reached: list[SoftReached]
    """Told once for each scope, period and soft budget; by another limiter perhaps once more."""
