"""The `/key` routes."""

from collections.abc import Sequence
from typing import Any

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.key_fields import NewKey, read_new_key
from services.admin.domain.key_ids import masked, shown_id, stored_candidates
from services.admin.domain.key_shapes import generated_shape, token_shape
from services.admin.domain.requests import Answer, Request
from services.admin.recording import Deed, Recorder
from shared.errors import Forbidden, InvalidRequest, NotFound
from shared.security.keys import key_digest, new_key, stored_hash
from shared.store.connection import Session
from shared.store.keys import KeyFilter, KeyRecord, Keys
from shared.store.ledger import Ledger

MOST_AT_ONCE = 500
"""Keys that one request may delete; they are one transaction."""

DEFAULT_PAGE, LARGEST_PAGE = 10, 100
LAST_PAGE = 1_000_000

_DELETE = FieldPolicy(frozenset({"keys", "key_aliases"}), {}, frozenset())
_ONE = FieldPolicy(frozenset({"key"}), {}, frozenset())
_INFO = FieldPolicy(frozenset({"key"}), {}, frozenset())
_LIST = FieldPolicy(
    known=frozenset(
        {
            "key_alias",
            "key_hash",
            "organization_id",
            "page",
            "return_full_object",
            "size",
            "sort_by",
            "sort_order",
            "team_id",
            "user_id",
        }
    ),
    refused=dict.fromkeys(("access_group_id", "agent_id", "expires", "project_id", "search", "status"))
    | {"substring_matching": "false"},
    kept=frozenset({"expand", "include_created_by_keys", "include_team_keys"}),
)


class KeyRoutes:
    """Makes, shows, blocks and deletes virtual keys."""

    def __init__(self, keys: Keys, ledger: Ledger, recorder: Recorder, secret: bytes) -> None:
        self._keys = keys
        self._ledger = ledger
        self._recorder = recorder
        self._secret = secret

    async def generate(self, request: Request) -> Answer:
        """Make a key; the answer is the only one that ever holds it."""
        wanted = read_new_key(request.body, request.now)
        key = wanted.key or new_key()
        record = self._record(key, wanted, request)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            await self._keys.insert(record, session)
            return None, [Deed("key", record.hash, "key.generated", after=token_shape(record))]

        await self._recorder.carry_out(request, work)
        return Answer(generated_shape(record, key, wanted), tuple(wanted.ignored))

    async def info(self, request: Request) -> Answer:
        """Tell about the asked-for key, or about the caller's own."""
        _INFO.sort_out(request.query)
        id = Fields(request.query).text("key")
        own = request.principal.key
        if not id and not own:
            raise InvalidRequest("'key' is missing; the master key has no record of its own.", param="key")
        candidates = stored_candidates(id, self._secret) if id else (own,)
        if request.is_own_only and own not in candidates:
            raise Forbidden("This API key may ask about itself only.", param="key")
        record = await self._found((own,) if request.is_own_only else candidates, id)
        spend = await self._ledger.key_spend(record.hash)
        return Answer({"key": shown_id(id) if id else record.hash, "info": token_shape(record, spend)})

    async def delete(self, request: Request) -> Answer:
        """Delete all of the named keys, or none of them."""
        _DELETE.sort_out(request.body)
        fields = Fields(request.body)
        ids, aliases = fields.texts("keys"), fields.texts("key_aliases")
        if not ids and not aliases:
            raise InvalidRequest("'keys' or 'key_aliases' must name at least one key.", param="keys")
        if len(ids) + len(aliases) > MOST_AT_ONCE:
            raise InvalidRequest(f"At most {MOST_AT_ONCE} keys can be deleted at once.", param="keys")
        candidates = {id: stored_candidates(id, self._secret, "keys") for id in ids}

        async def work(session: Session) -> tuple[None, list[Deed]]:
            records = [await self._found(candidates[id], id, session) for id in ids]
            records += [await self._found_by_alias(alias, session) for alias in aliases]
            unique = {record.hash: record for record in records}
            for hash in unique:
                await self._keys.delete(hash, session)
            return None, [_deed("key.deleted", record, None) for record in unique.values()]

        await self._recorder.carry_out(request, work)
        return Answer({"deleted_keys": [*map(shown_id, ids), *aliases]})

    async def block(self, request: Request) -> Answer:
        """Stop a key from working until it is unblocked."""
        return await self._set_blocked(request, blocked=True)

    async def unblock(self, request: Request) -> Answer:
        """Let a blocked key work again."""
        return await self._set_blocked(request, blocked=False)

    async def list(self, request: Request) -> Answer:
        """List keys in pages, the newest first."""
        _LIST.sort_out(request.query)
        fields = Fields(request.query)
        _check_order(fields)
        page = fields.query_count("page", default=1, most=LAST_PAGE)
        size = fields.query_count("size", default=DEFAULT_PAGE, most=LARGEST_PAGE)
        records, total = await self._page(self._filters(fields), page, size)
        keys: Sequence[Any] = [record.hash for record in records]
        if fields.query_flag("return_full_object"):
            keys = [token_shape(record, await self._ledger.key_spend(record.hash)) for record in records]
        pages = -(-total // size)
        return Answer({"keys": keys, "total_count": total, "current_page": page, "total_pages": pages})

    def _filters(self, fields: Fields) -> Sequence[KeyFilter]:
        """Return the filters one of which may match; a hash may be the stored one or LiteLLM's."""
        only = KeyFilter(
            key_alias=fields.text("key_alias"),
            user_id=fields.text("user_id"),
            team_id=fields.text("team_id"),
            organization_id=fields.text("organization_id"),
        )
        id = fields.text("key_hash")
        if not id:
            return (only,)
        return [only.with_hash(hash) for hash in stored_candidates(id, self._secret, "key_hash")]

    async def _page(self, filters: Sequence[KeyFilter], page: int, size: int) -> tuple[Sequence[KeyRecord], int]:
        for only in filters:
            total = await self._keys.count(only)
            if total:
                return await self._keys.page(skip=(page - 1) * size, limit=size, only=only), total
        return (), 0

    async def _set_blocked(self, request: Request, *, blocked: bool) -> Answer:
        _ONE.sort_out(request.body)
        id = Fields(request.body).needed_text("key")
        candidates = stored_candidates(id, self._secret)

        async def work(session: Session) -> tuple[KeyRecord, list[Deed]]:
            before = await self._found(candidates, id, session)
            after = await self._keys.set_blocked(
                before.hash, blocked, at=request.now, by=request.actor_name, session=session
            )
            if after is None:
                raise _no_key(id)
            return after, [_deed("key.blocked" if blocked else "key.unblocked", before, after)]

        record = await self._recorder.carry_out(request, work)
        return Answer(token_shape(record, await self._ledger.key_spend(record.hash)))

    def _record(self, key: str, wanted: NewKey, request: Request) -> KeyRecord:
        return KeyRecord(
            hash=stored_hash(key_digest(key), self._secret),
            key_name=masked(key),
            created_at=request.now,
            key_alias=wanted.alias,
            models=wanted.models,
            blocked=wanted.blocked,
            expires=wanted.expires,
            user_id=wanted.user,
            team_id=wanted.team,
            organization_id=wanted.organization,
            metadata=wanted.metadata,
            created_by=request.actor_name,
            ignored=wanted.ignored,
        )

    async def _found(self, candidates: Sequence[str], id: str, session: Session = None) -> KeyRecord:
        for hash in candidates:
            record = await self._keys.find(hash, session)
            if record is not None:
                return record
        raise _no_key(id)

    async def _found_by_alias(self, alias: str, session: Session) -> KeyRecord:
        record = await self._keys.find_by_alias(alias, session)
        if record is None:
            raise NotFound(f"There is no key with the alias '{alias}'.", param="key_aliases")
        return record


def _no_key(id: str) -> NotFound:
    return NotFound(f"There is no key '{shown_id(id)}'.", param="key")


def _deed(action: str, before: KeyRecord, after: KeyRecord | None) -> Deed:
    return Deed("key", before.hash, action, token_shape(before), token_shape(after) if after else None)


def _check_order(fields: Fields) -> None:
    """Refuse an order that is not the newest first, rather than give another one than was asked for."""
    if fields.text("sort_by") not in ("", "created_at"):
        fields.wrong("sort_by", "can only be 'created_at'")
    if fields.text("sort_order") not in ("", "desc"):
        fields.wrong("sort_order", "can only be 'desc'")
