"""Which users a list is of, and in which order, by what their cards say. Pure."""

import re
from dataclasses import dataclass

from shared.store.cards import Entry


@dataclass(frozen=True, slots=True)
class UserSearch:
    """What is asked of each user; what is empty asks nothing. Texts are parts, whatever the case of their letters."""

    role: str
    email: str
    text: str
    """A part of the id or of the address."""

    def finds(self, entries: list[Entry]) -> list[Entry]:
        """Return those that all of it is true of."""
        if self.role:
            entries = [entry for entry in entries if entry.role == self.role]
        if self.email:
            part = _part(self.email)
            entries = [entry for entry in entries if part.search(entry.email)]
        if self.text:
            part = _part(self.text)
            entries = [entry for entry in entries if part.search(entry.id) or part.search(entry.email)]
        return entries


def in_order(entries: list[Entry], order: str, *, down: bool) -> list[str]:
    """Return the ids of users by a field of theirs; those that are equal there by their ids."""
    place = Entry._fields.index("id" if order == "_id" else order)
    return [entry.id for entry in sorted(entries, key=lambda entry: (entry[place], entry.id), reverse=down)]


def _part(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text), re.IGNORECASE)
