"""Pages: the lists by which the ledger's documents are found, and what each of them cost. Pure.

A page holds requests of one batch that ended within the same five seconds. It stands under the names of everybody
whom one of its requests belongs to: the embedded store takes 20 µs for a name, and 65 µs to index a document.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, NamedTuple, cast

from shared.schemas.events import Completion
from shared.schemas.scopes import SEPARATOR, Scope, ScopeKind
from shared.store.connection import Document
from shared.store.sums import ALL, SLOT, Party, caller_names, named, party_of

SLICE = 5
"""Seconds of one page; so short that the newest requests are found without reading many others."""

SLICES_IN_SLOT = SLOT // SLICE

MOST_OWNERS = 16
"""Different owners on one page: with more, a reader of one gets too much of the others."""


Mark = tuple[float, str]
"""Where a request stands among others: when it ended (Unix seconds), and its id."""


class Owner(NamedTuple):
    """Whom a request is listed for."""

    party: Party
    group: str
    tags: tuple[str, ...]
    opening: str = ""
    """The one name under which it is listed; empty for what really was a request."""


class Entry(NamedTuple):
    """A request on a page. What is taken back when a document changes stands there once more, with the sign -1."""

    owner: Owner
    request: str
    ended: float
    cost: int
    failed: bool
    sign: int = 1


def entry_of(completion: Completion, sign: int = 1) -> Entry:
    """Return where a completion is listed."""
    tags = tuple(dict.fromkeys(completion.tags))
    owner = Owner(party_of(completion), completion.model_group, tags, completion.opening)
    return Entry(owner, completion.request_id, completion.ended, completion.cost, completion.status >= 400, sign)


def owner_of(document: Mapping[str, Any]) -> Owner:
    """Return whom a document, as readers get it, is listed for."""
    party = Party(*(document[name] for name in ("key", "user", "team", "organization", "end_user")))
    return Owner(party, document["model_group"], tuple(document["tags"]), document.get("opening", ""))


def slice_of(moment: float) -> int:
    """Return the five seconds, counted from 1970, under which a request that ended then is listed."""
    return int(moment // SLICE)


def pages(entries: Iterable[Entry]) -> list[Document]:
    """Return the pages of a batch; requests of the same owners come together."""
    placed = sorted(((slice_of(entry.ended), entry.owner, entry) for entry in entries), key=_by_place)
    found: list[Document] = []
    owners: dict[Owner, int] = {}
    for at, owner, entry in placed:
        if not found or found[-1]["slice"] != at or (owner not in owners and len(owners) == MOST_OWNERS):
            found.append(_empty(at))
            owners = {}
        _put(found[-1], owners, entry)
    for page in found:
        page["names"] = _names(page["owners"])
    return found


_by_place = itemgetter(0, 1)


def _empty(at: int) -> Document:
    return {"slice": at, "owners": [], "sums": [], "whose": [], "requests": [], "ended": [], "costs": []}


def _put(page: Document, owners: dict[Owner, int], entry: Entry) -> None:
    place = owners.get(entry.owner)
    if place is None:
        place = owners[entry.owner] = len(owners)
        opening = [entry.owner.opening] if entry.owner.opening else []
        page["owners"].append([*entry.owner.party, entry.owner.group, list(entry.owner.tags), *opening])
        page["sums"].append(0)
    number = len(page["requests"])
    page["sums"][place] += entry.sign * entry.cost
    page["whose"].append(place)
    page["requests"].append(entry.request)
    page["ended"].append(entry.ended)
    page["costs"].append(entry.sign * entry.cost)
    if entry.failed:
        page.setdefault("failed", []).append(number)
    if entry.sign < 0:
        page.setdefault("taken", []).append(number)


def _names(owners: Iterable[list[Any]]) -> list[str]:
    names = {ALL: None}
    for owner in owners:
        names |= dict.fromkeys(names_of_owner(_owner(owner)))
    return list(names)


def names_of_owner(owner: Owner) -> list[str]:
    """Return the names under which an owner's pages are found, besides `ALL`."""
    if owner.opening:
        return [owner.opening]
    party = owner.party
    groups = (("team", party.team), ("organization", party.organization), ("customer", party.customer))
    return [
        *caller_names(party),
        *(named(kind, id) for kind, id in groups if id),
        *(named("tag", tag) for tag in owner.tags),
    ]


def _owner(stored: list[Any]) -> Owner:
    return Owner(Party(*stored[:5]), stored[5], tuple(stored[6]), *stored[7:])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests to find; an empty field means any."""

    key: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    customer: str = ""
    group: str = ""
    tag: str = ""
    failed: bool | None = None

    @classmethod
    def of_scope(cls, scope: Scope) -> "Wanted":
        """Return what counts to a scope; raises `ValueError` for one that the ledger does not sum by."""
        kind, id = scope
        if kind == "model_group":
            return cls(group=id)
        if kind.endswith("_model"):
            owner, _, group = id.rpartition(SEPARATOR)
            return replace(cls.of_scope(Scope(cast(ScopeKind, kind.removesuffix("_model")), owner)), group=group)
        if kind == "member":
            team, _, user = id.partition(SEPARATOR)
            return cls(team=team, user=user)
        if kind == "deployment":
            raise ValueError("the ledger does not sum by deployment")
        fields: dict[str, Any] = {kind: id}
        return cls(**fields)

    @property
    def name(self) -> str:
        """Return the name whose pages hold all of them, and the fewest others."""
        if self.key or (self.user and not self.team):
            return named("key", self.key) if self.key else named("user", self.user)
        if self.user:
            return caller_names(Party("", self.user, self.team, "", ""))[1]
        for kind in ("customer", "tag", "team", "organization"):
            if id := getattr(self, kind):
                return named(kind, id)
        return ALL

    def includes(self, owner: Owner) -> bool:
        """Tell whether requests of an owner are wanted."""
        party = owner.party
        return (
            owner.opening in ("", self.name)
            and self.key in ("", party.key)
            and self.user in ("", party.user)
            and self.team in ("", party.team)
            and self.organization in ("", party.organization)
            and self.customer in ("", party.customer)
            and self.group in ("", owner.group)
            and (not self.tag or self.tag in owner.tags)
        )


def entries_on(page: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield what stands on a page."""
    owners = [_owner(owner) for owner in page["owners"]]
    failed, taken = set(page.get("failed", ())), set(page.get("taken", ()))
    rows = zip(page["whose"], page["requests"], page["ended"], page["costs"], strict=True)
    for number, (whose, request, ended, cost) in enumerate(rows):
        sign = -1 if number in taken else 1
        yield Entry(owners[whose], request, ended, sign * cost, number in failed, sign)


def standing(found: Iterable[Mapping[str, Any]], wanted: Wanted) -> set[Mark]:
    """Return the wanted requests on pages, without those that were taken back."""
    counts: dict[Mark, int] = {}
    for page in found:
        included = {place for place, owner in enumerate(page["owners"]) if wanted.includes(_owner(owner))}
        failed, taken = frozenset(page.get("failed", ())), frozenset(page.get("taken", ()))
        rows = zip(page["whose"], page["ended"], page["requests"], strict=True)
        for number, (whose, ended, request) in enumerate(rows):
            if whose in included and wanted.failed in (None, number in failed):
                mark = ended, request
                counts[mark] = counts.get(mark, 0) + (-1 if number in taken else 1)
    return {mark for mark, count in counts.items() if count > 0}


def sum_of(page: Mapping[str, Any], wanted: Wanted) -> int:
    """Return what the wanted requests of a page cost, by its sums alone."""
    return sum(
        spend for owner, spend in zip(page["owners"], page["sums"], strict=True) if wanted.includes(_owner(owner))
    )
