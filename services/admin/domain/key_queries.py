"""Which keys a list is asked for, and which of them a caller may see. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.rights import Caller
from shared.errors import Forbidden
from shared.store.keys import KeyFilter, KeyRecord

DEFAULT_PAGE, LARGEST_PAGE = 10, 100
LAST_PAGE = 1_000_000

ORDERS: dict[str, Callable[[KeyRecord], Any]] = {
    "created_at": lambda record: record.created_at,
    "updated_at": lambda record: record.updated_at or record.created_at,
    "expires": lambda record: float("inf") if record.expires is None else record.expires,
    "key_alias": lambda record: record.key_alias,
    "max_budget": lambda record: float("inf") if record.limits.max_budget is None else record.limits.max_budget,
    "team_id": lambda record: record.team_id,
    "token": lambda record: record.hash,
    "user_id": lambda record: record.user_id,
}
"""What lists can be ordered by; what has no end or no budget counts as the most."""

LIST_FIELDS = FieldPolicy(
    known=frozenset(
        {
            "include_team_keys",
            "key_alias",
            "key_hash",
            "organization_id",
            "page",
            "return_full_object",
            "search",
            "size",
            "sort_by",
            "sort_order",
            "substring_matching",
            "team_id",
            "user_id",
        }
    ),
    refused=dict.fromkeys(("access_group_id", "agent_id", "expires", "project_id", "status")),
    kept=frozenset({"expand", "include_created_by_keys"}),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list of keys as it was asked for."""

    page: int
    size: int
    sort_by: str
    descending: bool
    only: KeyFilter
    """The ids that were named."""
    alias: str
    substring: bool
    """True where `alias` may stand anywhere in a key's, in any case of its letters."""
    search: str
    with_teams: bool

    @property
    def is_plain(self) -> bool:
        """True where nothing was asked that the store's own order does not answer."""
        return self.sort_by == "created_at" and not (self.search or (self.alias and self.substring))

    def matches(self, record: KeyRecord) -> bool:
        """Tell whether a key is what was searched for by parts of its name or hash."""
        alias, search = record.key_alias.casefold(), self.search.casefold()
        if self.substring and self.alias.casefold() not in alias:
            return False
        return not search or search in alias or search in record.hash

    def ordered(self, records: Iterable[KeyRecord]) -> list[KeyRecord]:
        """Return keys in the order that was asked for."""
        by_hash = sorted(records, key=lambda record: record.hash)
        return sorted(by_hash, key=ORDERS[self.sort_by], reverse=self.descending)


def read_wanted(query: dict[str, str]) -> Wanted:
    """Return what a query string asks for; raise `InvalidRequest`, which names the field."""
    LIST_FIELDS.sort_out(query)
    fields = Fields(query)
    sort_by, order = fields.text("sort_by") or "created_at", fields.text("sort_order").lower() or "desc"
    if sort_by not in ORDERS:
        fields.wrong("sort_by", f"must be one of {', '.join(ORDERS)}")
    if order not in ("asc", "desc"):
        fields.wrong("sort_order", "must be 'asc' or 'desc'")
    substring, alias = fields.query_flag("substring_matching"), fields.text("key_alias")
    return Wanted(
        page=fields.query_count("page", default=1, most=LAST_PAGE),
        size=fields.query_count("size", default=DEFAULT_PAGE, most=LARGEST_PAGE),
        sort_by=sort_by,
        descending=order == "desc",
        only=KeyFilter(
            key_alias="" if substring else alias,
            user_id=fields.text("user_id"),
            team_id=fields.text("team_id"),
            organization_id=fields.text("organization_id"),
        ),
        alias=alias,
        substring=substring,
        search=fields.text("search"),
        with_teams=fields.query_flag("include_team_keys"),
    )


def visible(wanted: Wanted, caller: Caller, team_organization: str = "") -> Sequence[KeyFilter]:
    """Return the filters whose keys are the list: what was asked for, within what the caller may see.

    `team_organization` is the organization of the team that was named. Raises `Forbidden` where somebody else's
    were asked for by name.
    """
    only = wanted.only
    if caller.sees_all:
        return (only,)
    if only.team_id and caller.administers_team(only.team_id, team_organization):
        return (only,)
    if only.organization_id and caller.administers_organization(only.organization_id):
        return (only,)
    if only.user_id not in ("", caller.user) or not caller.user:
        raise Forbidden("You may list your own keys, and those of groups that you manage.", param="user_id")
    if only.team_id and only.team_id not in caller.teams:
        raise Forbidden("You may list keys of your own teams.", param="team_id")
    own = only.but(user_id=caller.user)
    if not wanted.with_teams or only.user_id or only.team_id:
        return (own,)
    return (own, *(only.but(team_id=team) for team in sorted(caller.administered_teams)))
