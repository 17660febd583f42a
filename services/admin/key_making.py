"""The `/key` routes that make keys: new ones, and old ones anew. Their answers are the only ones that hold a key."""

from dataclasses import replace
from typing import Any

import msgspec

from services.admin.domain.durations import end_of
from services.admin.domain.fields import Fields
from services.admin.domain.key_bounds import KeyRules
from services.admin.domain.key_fields import (
    REGENERATE_FIELDS,
    NewKey,
    chosen_key,
    read_key_update,
    read_new_key,
)
from services.admin.domain.key_grants import (
    check_acts_for_llm_alone,
    check_grant,
    check_routes,
    for_llm_alone,
    inherited,
)
from services.admin.domain.key_ids import masked, stored_candidates
from services.admin.domain.key_permissions import kept_fields
from services.admin.domain.key_rights import may_make
from services.admin.domain.key_shapes import generated_shape, token_shape
from services.admin.domain.requests import Answer, Request
from services.admin.key_changing import KeyChanging
from services.admin.key_lookup import KeyLookup
from services.admin.key_shapes import KeyShapes
from services.admin.recording import Deed, Recorder
from shared.errors import Conflict, Forbidden, InvalidRequest
from shared.security.keys import key_digest, new_key, stored_hash
from shared.store.connection import Session
from shared.store.keys import KeyRecord, Keys


class KeyMaking:
    """Makes virtual keys."""

    def __init__(
        self,
        keys: Keys,
        lookup: KeyLookup,
        changing: KeyChanging,
        recorder: Recorder,
        shapes: KeyShapes,
        *,
        secret: bytes,
        rules: KeyRules,
    ) -> None:
        self._keys = keys
        self._lookup = lookup
        self._changing = changing
        self._recorder = recorder
        self._shapes = shapes
        self._secret = secret
        self._rules = rules

    async def generate(self, request: Request) -> Answer:
        """Make a key; a user who says not for whom makes it for itself."""
        wanted = self._wanted(request)
        caller = request.caller
        if not wanted.record.user_id and caller.user and not caller.is_admin:
            wanted = replace(wanted, record=msgspec.structs.replace(wanted.record, user_id=caller.user))
        return await self._make(wanted, request)

    async def generate_service_account(self, request: Request) -> Answer:
        """Make a key that belongs to a team and to nobody in it."""
        wanted = self._wanted(request)
        if not wanted.record.team_id:
            raise InvalidRequest("'team_id' is missing; a service account belongs to a team.", param="team_id")
        if wanted.record.user_id:
            raise InvalidRequest("'user_id' must be absent; a service account belongs to no user.", param="user_id")
        record = msgspec.structs.replace(wanted.record, service_account=True)
        return await self._make(replace(wanted, record=record), request)

    async def regenerate(self, request: Request) -> Answer:
        """Make a key anew: another key for the same record, which keeps its spend, limits and groups."""
        id = request.path.get("key") or Fields(request.body).text("key") or Fields(request.query).text("key")
        if not id:
            raise InvalidRequest("'key' is missing; it must name the key to be made anew.", param="key")
        hashes = stored_candidates(id, self._secret)
        fields = Fields(request.body)
        key = chosen_key(fields, "new_key") or new_key()
        grace = end_of(fields.text("grace_period"), request.now, "grace_period")

        async def work(session: Session) -> tuple[KeyRecord, list[Deed]]:
            before = await self._lookup.changeable(hashes, id, request.caller, session)
            after = read_key_update(request.body, before, request.now, REGENERATE_FIELDS)
            if stored_hash(key_digest(key), self._secret) == before.hash:
                raise Conflict("'new_key' is the key as it is.", param="new_key")
            check_acts_for_llm_alone(request.caller, before, after, shown=True)
            check_routes(request.caller, before, after, shown=True)
            await self._changing.check(before, after, request, session)
            after = self._anew(after, before, key, request)
            return after, await self._changing.supersede(before, after, grace, request, session)

        record = await self._recorder.carry_out(request, work)
        answer = await self._told(record, key, fields.text("duration"), request)
        return Answer(answer, tuple(name for name in kept_fields(record) if name in request.body))

    def _wanted(self, request: Request) -> NewKey:
        wanted = read_new_key(request.body, request.now)
        self._changing.check_names(wanted.record)
        return wanted

    async def _make(self, wanted: NewKey, request: Request) -> Answer:
        key = wanted.key or new_key()

        async def work(session: Session) -> tuple[KeyRecord, list[Deed]]:
            record = await self._granted(wanted.record, request, session)
            record = msgspec.structs.replace(
                record,
                hash=stored_hash(key_digest(key), self._secret),
                key_name=masked(key),
                created_at=request.now,
                created_by=request.actor_name,
            )
            await self._keys.insert(record, session)
            return record, [Deed("key", record.hash, "key.generated", after=token_shape(record))]

        record = await self._recorder.carry_out(request, work)
        return Answer(await self._told(record, key, wanted.duration, request), kept_fields(record))

    async def _told(self, record: KeyRecord, key: str, duration: str, request: Request) -> dict[str, Any]:
        return generated_shape(await self._shapes.one(record, request), key, duration)

    async def _granted(self, record: KeyRecord, request: Request, session: Session) -> KeyRecord:
        """Return a new key as the caller may give it; raise `Forbidden` where it may not."""
        caller = request.caller
        home = await self._lookup.home(record, session)
        if not may_make(caller, record, home):
            raise _not_for_you(record)
        giver = await self._lookup.own(caller, session)
        record = for_llm_alone(inherited(record, caller, giver), caller)
        around = await self._lookup.surroundings(record, giver, session)
        if not caller.is_admin and not caller.is_user(record.user_id):
            await self._lookup.check_member(record, session)
        check_grant(caller, None, record, around)
        return self._rules.applied(record, around.limits, request.now)

    def _anew(self, record: KeyRecord, before: KeyRecord, key: str, request: Request) -> KeyRecord:
        return msgspec.structs.replace(
            record,
            hash=stored_hash(key_digest(key), self._secret),
            key_name=masked(key),
            account=before.id,
            updated_at=request.now,
            updated_by=request.actor_name,
        )


def _not_for_you(record: KeyRecord) -> Forbidden:
    """Return why a key may not be made, in terms of what was asked for: which teams exist is not told."""
    if record.team_id:
        return Forbidden("You may make keys in your own teams, for yourself unless you manage them.", param="team_id")
    if record.organization_id:
        return Forbidden("You may make keys in your own organizations.", param="organization_id")
    return Forbidden("You may make keys for yourself, and in groups that you manage.", param="user_id")
