"""The `/key` routes that tell about keys and change them; `key_making` has those that make them."""

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.key_fields import read_key_update
from services.admin.domain.key_ids import shown_id, stored_candidates
from services.admin.domain.key_permissions import kept_fields
from services.admin.domain.key_rights import administers
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import require
from services.admin.key_changing import KeyChanging
from services.admin.key_lookup import KeyLookup
from services.admin.key_shapes import KeyShapes
from services.admin.recording import Deed, Recorder
from shared.errors import InvalidRequest
from shared.store.connection import Session
from shared.store.keys import KeyRecord

MOST_AT_ONCE = 500
"""Keys that one request may delete; they are one transaction."""

_DELETE = FieldPolicy(frozenset({"keys", "key_aliases"}), {}, frozenset())
_ONE = FieldPolicy(frozenset({"key"}), {}, frozenset())


class KeyRoutes:
    """Shows, changes, blocks and deletes virtual keys."""

    def __init__(
        self, lookup: KeyLookup, changing: KeyChanging, recorder: Recorder, shapes: KeyShapes, secret: bytes
    ) -> None:
        self._lookup = lookup
        self._changing = changing
        self._recorder = recorder
        self._shapes = shapes
        self._secret = secret

    async def info(self, request: Request) -> Answer:
        """Tell about the asked-for key, or about the caller's own."""
        _ONE.sort_out(request.query)
        id = Fields(request.query).text("key")
        own = request.principal.key
        if not id and not own:
            raise InvalidRequest("'key' is missing; the master key has no record of its own.", param="key")
        hashes = stored_candidates(id, self._secret) if id else (own,)
        record = await self._lookup.seen(hashes, id or own, request)
        return Answer({"key": shown_id(id) if id else record.hash, "info": await self._shapes.one(record, request)})

    async def update(self, request: Request) -> Answer:
        """Change a key: what is absent stays as it was, null clears."""
        id = Fields(request.body).needed_text("key")
        hashes = stored_candidates(id, self._secret)

        async def work(session: Session) -> tuple[KeyRecord, list[Deed]]:
            before = await self._lookup.changeable(hashes, id, request.caller, session)
            after = read_key_update(request.body, before, request.now)
            await self._changing.check(before, after, request, session)
            after = _stamped(after, request)
            return after, await self._changing.write(before, after, "key.updated", session)

        record = await self._recorder.carry_out(request, work)
        kept = tuple(name for name in kept_fields(record) if name in request.body)
        return Answer({"key": shown_id(id), **await self._shapes.one(record, request)}, kept)

    async def delete(self, request: Request) -> Answer:
        """Delete all of the named keys, or none of them."""
        _DELETE.sort_out(request.body)
        fields = Fields(request.body)
        ids, aliases = fields.texts("keys"), fields.texts("key_aliases")
        if not ids and not aliases:
            raise InvalidRequest("'keys' or 'key_aliases' must name at least one key.", param="keys")
        if len(ids) + len(aliases) > MOST_AT_ONCE:
            raise InvalidRequest(f"At most {MOST_AT_ONCE} keys can be deleted at once.", param="keys")
        hashes = {id: stored_candidates(id, self._secret, "keys") for id in ids}
        caller = request.caller

        async def work(session: Session) -> tuple[None, list[Deed]]:
            records = [await self._lookup.changeable(hashes[id], id, caller, session) for id in ids]
            records += [await self._lookup.changeable_by_alias(alias, caller, session) for alias in aliases]
            deeds = []
            for record in {record.hash: record for record in records}.values():
                deeds += await self._changing.remove(record, session)
            return None, deeds

        await self._recorder.carry_out(request, work)
        return Answer({"deleted_keys": [*map(shown_id, ids), *aliases]})

    async def block(self, request: Request) -> Answer:
        """Stop a key from working until it is unblocked."""
        return await self._set_blocked(request, blocked=True)

    async def unblock(self, request: Request) -> Answer:
        """Let a blocked key work again."""
        return await self._set_blocked(request, blocked=False)

    async def _set_blocked(self, request: Request, *, blocked: bool) -> Answer:
        _ONE.sort_out(request.body)
        id = Fields(request.body).needed_text("key")
        hashes = stored_candidates(id, self._secret)

        async def work(session: Session) -> tuple[KeyRecord, list[Deed]]:
            before = await self._lookup.changeable(hashes, id, request.caller, session)
            home = await self._lookup.home(before, session)
            message = f"The key '{shown_id(id)}' is none of those that you may see or change."
            require(administers(request.caller, home), message, param="key")
            after = _stamped(msgspec.structs.replace(before, blocked=blocked), request)
            action = "key.blocked" if blocked else "key.unblocked"
            return after, await self._changing.write(before, after, action, session)

        record = await self._recorder.carry_out(request, work)
        return Answer(await self._shapes.one(record, request))


def _stamped(record: KeyRecord, request: Request) -> KeyRecord:
    return msgspec.structs.replace(record, updated_at=request.now, updated_by=request.actor_name)
