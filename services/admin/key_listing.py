"""The `/key` routes that list: pages in a bounded time, however many keys there are."""

from collections.abc import Sequence
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.key_ids import stored_candidates
from services.admin.domain.key_queries import Wanted, read_wanted, visible
from services.admin.domain.requests import Answer, Request
from services.admin.key_shapes import KeyShapes
from shared.errors import InvalidRequest
from shared.store.connection import Store
from shared.store.keys import KeyFilter, KeyRecord, Keys
from shared.store.people import teams
from shared.store.shelves import shelves_of_page

MOST_READ = 2_000
"""Keys that are read to sort or search them; the store reads some 25 in a millisecond."""

_ALIASES = FieldPolicy(frozenset({"page", "search", "size", "team_id"}), {}, frozenset())


class KeyListing:
    """Lists virtual keys."""

    def __init__(self, store: Store, shapes: KeyShapes, secret: bytes) -> None:
        self._keys = Keys(store)
        self._teams = teams(store)
        self._shapes = shapes
        self._secret = secret

    async def keys(self, request: Request) -> Answer:
        """List keys in pages, the newest first unless asked otherwise."""
        wanted = read_wanted(request.query)
        records, total = await self._page(wanted, await self._filters(wanted, request))
        shown: Sequence[Any] = [record.hash for record in records]
        if Fields(request.query).query_flag("return_full_object"):
            shown = await self._shapes.many(records, request)
        return Answer({"keys": shown, **_place(wanted, total)})

    async def aliases(self, request: Request) -> Answer:
        """List the aliases of the keys that the caller may see."""
        _ALIASES.sort_out(request.query)
        wanted = read_wanted({"size": "50", **request.query, "include_team_keys": "true"})
        records, total = await self._page(wanted, await self._filters(wanted, request))
        aliases = [record.key_alias for record in records if record.key_alias]
        return Answer({"aliases": aliases, "size": wanted.size, **_place(wanted, total)})

    async def _filters(self, wanted: Wanted, request: Request) -> Sequence[KeyFilter]:
        """Return the filters whose keys together are the list; a hash may be the stored one or LiteLLM's."""
        team = await self._teams.find(wanted.only.team_id) if wanted.only.team_id else None
        filters = visible(wanted, request.caller, team.organization_id if team else "")
        id = Fields(request.query).text("key_hash")
        if not id:
            return filters
        return [only.but(hash=hash) for only in filters for hash in stored_candidates(id, self._secret, "key_hash")]

    async def _page(self, wanted: Wanted, filters: Sequence[KeyFilter]) -> tuple[Sequence[KeyRecord], int]:
        skip = (wanted.page - 1) * wanted.size
        if filters == (KeyFilter(),):
            counts = await self._keys.on_shelves()
            total = sum(counts.values())
            if wanted.is_plain:
                return await self._whole_list(wanted, counts, skip), total
            if total > MOST_READ:
                raise _too_many("sort_by", total)
            found = [record for shelf in counts for record in await self._keys.shelf(shelf)]
        elif wanted.is_plain and wanted.descending and len(filters) == 1:
            hashes = await self._keys.hashes(filters[0])
            page = await self._keys.find_many(hashes[skip : skip + wanted.size])
            return list(page.values()), len(hashes)
        else:
            found = await self._read(filters)
        matching = wanted.ordered(record for record in found if wanted.matches(record))
        return matching[skip : skip + wanted.size], len(matching)

    async def _whole_list(self, wanted: Wanted, counts: dict[int, int], skip: int) -> list[KeyRecord]:
        order = list(counts.items()) if wanted.descending else list(counts.items())[::-1]
        shelves, before = shelves_of_page(order, skip, wanted.size)
        found: list[KeyRecord] = []
        for shelf in shelves:
            records = await self._keys.shelf(shelf)
            found += records if wanted.descending else records[::-1]
        return found[before : before + wanted.size]

    async def _read(self, filters: Sequence[KeyFilter]) -> list[KeyRecord]:
        """Return the keys of all filters, each once; raise `InvalidRequest` where they are too many to sort."""
        found: dict[str, KeyRecord] = {}
        for only in filters:
            found |= {record.hash: record for record in await self._keys.where(only, limit=MOST_READ + 1)}
            if len(found) > MOST_READ:
                raise _too_many("search", len(found))
        return list(found.values())


def _place(wanted: Wanted, total: int) -> dict[str, int]:
    return {"total_count": total, "current_page": wanted.page, "total_pages": -(-total // wanted.size)}


def _too_many(field: str, number: int) -> InvalidRequest:
    return InvalidRequest(
        f"These are {number} keys or more, and at most {MOST_READ} are searched or sorted at once: name a 'user_id', "
        "a 'team_id' or an 'organization_id'; or list by 'created_at'.",
        param=field,
    )
