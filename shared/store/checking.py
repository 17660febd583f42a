"""What must be equal in the ledger: the sums of its documents, of its rows, and of its pages. Pure.

Sums are kept as few integers for each row, whatever the number of documents: the figures, and a sum over everything
else in the row, weighted by its name, in which nothing can move without being seen.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from shared.schemas.events import Completion
from shared.store import pages, sums
from shared.store.connection import Document
from shared.store.sums import AMOUNTS, Row, RowChange, Tally

PARTS = (*AMOUNTS, "parts")
"""What is compared of a row; `parts` stands for its figures by model and by half hour."""

Where = Literal["rows", "pages"]


class Difference(NamedTuple):
    """Something that two sums disagree about."""

    where: Where
    row: Row
    figure: str
    documents: int
    found: int


class Sums:
    """The sums of documents, or of rows, or of pages."""

    def __init__(self) -> None:
        self._sums: dict[Row, list[int]] = {}

    def add_documents(self, completions: Iterable[Completion]) -> None:
        """Count documents as rows have them."""
        tally = Tally()
        for completion in completions:
            tally.add(completion)
        for row, change in tally.rows().items():
            self._add(row, change.increments())

    def add_row(self, stored: Mapping[str, Any]) -> None:
        """Count a row as it is stored."""
        self._add(Row(stored["kind"], stored["id"], stored["day"]), dict(paths_of(stored)))

    def add_listed(self, completions: Iterable[Completion]) -> None:
        """Count documents as pages list them."""
        for completion in completions:
            self._add_entry(pages.entry_of(completion))

    def add_page(self, stored: Mapping[str, Any]) -> None:
        """Count a page as it is stored."""
        entries = list(pages.entries_on(stored))
        for entry in entries:
            self._add_entry(entry)
        if entries and sum(stored["sums"]) != sum(entry.sign * entry.cost for entry in entries):
            self._row(_place(entries[0]))[-1] += 1

    def differences(self, found: "Sums", where: Where, first_day: str) -> Iterator[Difference]:
        """Yield what these documents and what was found disagree about, from a day on."""
        nothing = [0] * len(PARTS)
        for row in sorted(self._sums.keys() | found._sums.keys()):
            if row.day < first_day:
                continue
            left, right = self._sums.get(row, nothing), found._sums.get(row, nothing)
            for figure, documents, other in zip(PARTS, left, right, strict=True):
                if documents != other:
                    yield Difference(where, row, figure, documents, other)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._sums)

    def total(self, figure: str) -> int:
        """Return a figure over everything."""
        place = AMOUNTS.index(figure)
        return sum(sums[place] for row, sums in self._sums.items() if row.kind == "all")

    def _add(self, row: Row, paths: Mapping[str, int]) -> None:
        found = self._row(row)
        for path, amount in paths.items():
            if path.startswith("lines."):
                found[AMOUNTS.index(path.rpartition(".")[2])] += amount
            if path != "spend":
                found[-1] += weight(path) * amount
            else:
                found[-1] += amount

    def _add_entry(self, entry: pages.Entry) -> None:
        found = self._row(_place(entry))
        found[0] += entry.sign * entry.cost
        found[1] += entry.sign
        found[2] += entry.sign * entry.failed
        names = "\0".join((entry.request, repr(entry.ended), str(entry.cost), *pages.names_of_owner(entry.owner)))
        found[-1] += entry.sign * weight(names)

    def _row(self, row: Row) -> list[int]:
        found = self._sums.get(row)
        if found is None:
            found = self._sums[row] = [0] * len(PARTS)
        return found


@lru_cache(65_536)
def weight(name: str) -> int:
    """Return a number that stands for a name."""
    return int.from_bytes(hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest())


def document_of(change: RowChange) -> Document:
    """Return the row that a change makes of none."""
    row: Document = change.identity()
    for path, amount in change.increments().items():
        *folders, last = path.split(".")
        place = row
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = amount
    return row


def is_same(stored: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Tell whether two rows say the same; what is 0 need not be there, and an alias may be an older one."""
    left, right = ({path: amount for path, amount in paths_of(row) if amount} for row in (stored, expected))
    return left == right and sorted(stored.get("names", ())) == sorted(expected["names"])


def _place(entry: pages.Entry) -> Row:
    return Row("all", "", sums.day_of(int(entry.ended // sums.DAY) * sums.DAY))


def paths_of(stored: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield a row's figures with the paths of their fields."""
    for line, amounts in stored.get("lines", {}).items():
        for name, amount in amounts.items():
            yield f"lines.{line}.{name}", int(amount)
    for slot, groups in stored.get("slots", {}).items():
        for group, spend in groups.items():
            yield f"slots.{slot}.{group}", int(spend)
    yield "spend", int(stored.get("spend", 0))
