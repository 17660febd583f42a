"""Where to look for a ledger's requests, the newest first: spans of time that hold about as many as are wanted. Pure.

Rows say how many requests a day had, and by half hours what was spent. So days without any are passed over, quiet hours
are read together, and busy ones in pieces: a store may read all of a span before it gives the first page of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shared.store import sums
from shared.store.connection import Document
from shared.store.pages import SLICE, SLICES_IN_SLOT, Wanted
from shared.store.sums import DAY, SLOT

SLICES_IN_DAY = DAY // SLICE

ENOUGH = 2
"""A span holds so many times what is wanted, or less."""

EVEN = 0.1
"""The share of a day's requests that may have been at any time: what costs nothing leaves no trace in half hours."""


class Span(NamedTuple):
    """Slices to read, both ends included, `stride` of them at a time."""

    first: int
    last: int
    stride: int


class Day(NamedTuple):
    """What the rows under a name say about a day."""

    day: str
    requests: int
    wanted: int
    """How many of them may be wanted; exactly none where it is 0."""
    spend: Mapping[int, int]
    """Nano-dollars by half hour."""


class _Piece(NamedTuple):
    first: int
    last: int
    requests: float
    wanted: bool


def days_of(rows: Iterable[Document], wanted: Wanted) -> list[Day]:
    """Return what rows say about their days, the last day first."""
    found: dict[str, Day] = {}
    for row in rows:
        before = found.get(row["day"], Day(row["day"], 0, 0, {}))
        requests, some, spend = 0, 0, dict(before.spend)
        for line, amounts in sums.lines_of(row):
            requests += amounts["requests"]
            # What no model served is counted without the group's name.
            if wanted.group in ("", line.group) or not line.group:
                some += _wanted(amounts, wanted.failed)
        for slot, groups in row.get("slots", {}).items():
            spend[int(slot)] = spend.get(int(slot), 0) + sum(groups.values())
        found[row["day"]] = Day(row["day"], before.requests + requests, before.wanted + some, spend)
    return sorted(found.values(), reverse=True, key=lambda day: day.day)


def _wanted(amounts: Mapping[str, Any], failed: bool | None) -> int:
    if failed is None:
        return int(amounts["requests"])
    return int(amounts["failed"] if failed else amounts["requests"] - amounts["failed"])


def spans(days: Iterable[Day], limit: int) -> Iterator[Span]:
    """Yield where to look, the newest first, to find so many requests."""
    most = ENOUGH * limit
    held: _Piece | None = None
    for piece in _pieces(days, most):
        if held is not None and piece.wanted and held.requests + piece.requests <= most:
            held = held._replace(first=piece.first, requests=held.requests + piece.requests)
            continue
        if held is not None:
            yield _span(held, most)
        held = piece if piece.wanted else None
    if held is not None:
        yield _span(held, most)


def _pieces(days: Iterable[Day], most: int) -> Iterator[_Piece]:
    for day in days:
        begin = int(datetime.fromisoformat(day.day).replace(tzinfo=UTC).timestamp()) // SLICE
        if day.requests <= most or not day.wanted:
            yield _Piece(begin, begin + SLICES_IN_DAY - 1, day.requests, day.wanted != 0)
            continue
        total, slots = sum(day.spend.values()), DAY // SLOT
        for slot in reversed(range(slots)):
            share = day.spend.get(slot, 0) / total if total else 1 / slots
            first = begin + slot * SLICES_IN_SLOT
            requests = day.requests * (EVEN / slots + (1 - EVEN) * share)
            yield _Piece(first, first + SLICES_IN_SLOT - 1, requests, wanted=True)


def _span(piece: _Piece, most: int) -> Span:
    length = piece.last - piece.first + 1
    stride = length if piece.requests <= most else int(length * most / piece.requests)
    return Span(piece.first, piece.last, max(1, stride))
