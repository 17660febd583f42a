"""Brings the store to what the configuration file declares: all of it or nothing, once whoever applies it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal

import structlog

from services.admin.domain.budget_shapes import users_sentence
from services.admin.domain.declared_places import DeclarationRefused, place_of
from services.admin.domain.declared_plan import Step, called, plan, references
from services.admin.domain.declared_records import AUTHOR, DeclaredRecord, declared_records
from services.admin.domain.declared_shapes import declared_shape
from services.admin.domain.requests import Request
from services.admin.domain.rights import MASTER
from services.admin.recording import Deed, Recorder
from shared.errors import Conflict, TollwayError, Unavailable
from shared.schemas.context import Principal
from shared.schemas.control import ChangeKind
from shared.settings import Configuration
from shared.settings.problems import Problem
from shared.store.budgets import Budgets
from shared.store.connection import Session, Store
from shared.store.declarations import Declarations, Declared
from shared.store.keys import KeyRecord, Keys
from shared.store.objects import Objects
from shared.store.people import (
    customers,
    memberships,
    organizations,
    teams,
    users,
)

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0
"""How soon a store that was away at the start is asked again."""

DeclarationState = Literal["waiting", "applied", "refused"]
"""Of the objects that the file declares: the store has not answered yet, has them, or goes on with what it had."""

_PARTICIPLES = {"create": "declared", "change": "redeclared", "remove": "withdrawn"}


class Declaring:
    """Plans and makes the changes."""

    def __init__(self, store: Store, recorder: Recorder, secret: bytes) -> None:
        self._declarations = Declarations(store)
        self._recorder = recorder
        self._secret = secret
        self.state: DeclarationState = "waiting"
        """What became of the file that this worker goes by."""
        self._keys = Keys(store)
        self._budgets = Budgets(store)
        self._collections: Mapping[ChangeKind, Objects[Any]] = {
            "budget": self._budgets,
            "user": users(store),
            "team": teams(store),
            "organization": organizations(store),
            "member": memberships(store),
            "customer": customers(store),
        }

    async def plan(self, configuration: Configuration) -> list[Step]:
        """Return what applying a configuration would do now.

        Raises `DeclarationRefused` where it refers to what there is not, and `StoreUnavailable`.
        """
        wanted = declared_records(configuration, self._secret)
        steps = await self._plan(wanted, time.time(), None)
        await self._check_references(configuration, steps, wanted, None)
        return steps

    async def apply(self, configuration: Configuration, *, request_id: str = "", client: str = "") -> list[Step]:
        """Make the changes and return them.

        Raises `DeclarationRefused` or `Conflict` where the file cannot be applied as a whole; then nothing changed.
        """
        wanted = declared_records(configuration, self._secret)
        request = by_the_file(request_id, client)

        async def work(session: Session) -> tuple[list[Step], list[Deed]]:
            steps = await self._plan(wanted, request.now, session)
            if steps:
                await self._check_references(configuration, steps, wanted, session)
                await self._write(steps, session)
                await self._declarations.write(wanted, session)
            return steps, [_deed(step) for step in steps]

        done = await self._recorder.carry_out(request, work)
        self.state = "applied"
        return done

    async def apply_at_start(self, configuration: Configuration, located: Callable[[Problem], Awaitable[str]]) -> None:
        """Apply the file as soon as the store answers; what is wrong with it is logged, and stops nothing.

        `located` returns a problem as a sentence with its line of the file.
        """
        while True:
            try:
                steps = await self.apply(configuration)
            except Unavailable as error:
                log.warning("admin.declarations_wait", reason=error.message)
                await asyncio.sleep(AGAIN_SECONDS)
            except TollwayError as error:
                problem = error.problem if isinstance(error, DeclarationRefused) else Problem(error.message)
                log.error("admin.declarations_refused", reason=await located(problem))
                self.state = "refused"
                return
            else:
                log.info("admin.declarations_applied", changes=len(steps))
                return

    async def _plan(self, wanted: Mapping[Declared, DeclaredRecord], now: float, session: Session) -> list[Step]:
        declared = await self._declarations.read(session)
        present = await self._present({*wanted, *declared}, session)
        return plan(wanted, present, declared, now)

    async def _present(self, objects: Iterable[Declared], session: Session) -> dict[Declared, DeclaredRecord]:
        found: dict[Declared, DeclaredRecord] = {}
        ids: dict[ChangeKind, list[str]] = {}
        for object in objects:
            ids.setdefault(object.kind, []).append(object.id)
        for hash in ids.pop("key", []):
            key = await self._keys.find(hash, session)
            if key is not None:
                found[Declared("key", hash)] = key
        for kind, some in ids.items():
            for id, record in (await self._collections[kind].find_many(some, session)).items():
                found[Declared(kind, id)] = record
        return found

    async def _check_references(
        self,
        configuration: Configuration,
        steps: list[Step],
        wanted: Mapping[Declared, DeclaredRecord],
        session: Session,
    ) -> None:
        """Raise `DeclarationRefused` where what is changed refers to nothing, or anything to what is removed."""
        removed = {step.object for step in steps if step.after is None}
        changed = references([step.after for step in steps if step.after is not None])
        for object, who in (references(list(wanted.values())) | changed).items():
            if object in wanted or (object not in changed and object not in removed):
                continue
            if object in removed or await self._collections[object.kind].find(object.id, session) is None:
                sentence = f"There is no {object.kind} '{object.id}', to which {called(who)} refers."
                raise DeclarationRefused(Problem(sentence, place_of(who, object.kind, configuration)))

    async def _write(self, steps: list[Step], session: Session) -> None:
        """Write the steps; budgets go last, when it is known who still refers to them."""
        budgets = [step for step in steps if step.action == "remove" and step.object.kind == "budget"]
        for step in [step for step in steps if step not in budgets]:
            await self._write_one(step, session)
        for step in budgets:
            in_use = await self._budgets.users_of(step.object.id, session)
            if in_use:
                raise Conflict(f"The budget '{step.object.id}' is still in use: {users_sentence(in_use)}.")
            await self._budgets.delete(step.object.id, session)

    async def _write_one(self, step: Step, session: Session) -> None:
        if step.object.kind == "key":
            await self._write_key(step, session)
            return
        collection = self._collections[step.object.kind]
        if step.after is None:
            await collection.delete(step.object.id, session)
        elif step.before is None:
            await collection.insert(step.after, session)
        else:
            await collection.replace(step.after, session)

    async def _write_key(self, step: Step, session: Session) -> None:
        if isinstance(step.before, KeyRecord):
            # Of a key that was made over the API the values before this one stop working.
            for old in await self._keys.superseded(step.before, session):
                await self._keys.delete(old.hash, session)
        if not isinstance(step.after, KeyRecord):
            await self._keys.delete(step.object.id, session)
        elif step.before is None:
            await self._keys.insert(step.after, session)
        else:
            await self._keys.replace(step.after, session)


def by_the_file(request_id: str, client: str) -> Request:
    """Return who changes what is declared, for the audit trail."""
    principal = Principal("proxy_admin", key=AUTHOR, key_alias=AUTHOR)
    return Request(request_id, principal, MASTER, time.time(), client=client)


def _deed(step: Step) -> Deed:
    shapes = [declared_shape(record) for record in (step.before, step.after)]
    return Deed(step.object.kind, step.object.id, f"{step.object.kind}.{_PARTICIPLES[step.action]}", *shapes)
