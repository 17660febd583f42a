"""Seals every stored secret anew after the encryption key changed, while everything runs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from shared.security.sealing import SealBroken, is_sealed_under, seal, unseal
from shared.store.connection import Session, Store
from shared.store.credentials import Credentials, context_of
from shared.store.models import Models


@dataclass
class Resealed:
    """What was done so far."""

    total: int = 0
    """Objects that there are."""
    seen: int = 0
    changed: int = 0
    broken: list[str] = field(default_factory=list)
    """Objects whose secrets none of the keys opens, such as `model x`; they are left as they are."""


async def reseal(store: Store, keys: tuple[bytes, ...]) -> AsyncIterator[Resealed]:
    """Seal every secret under the first of the keys, and yield how far it is; raises `StoreUnavailable`.

    Each object is read and written in one transaction, so that no change in between is lost. What is sealed under
    the first key already stays as it is, so it may be done again at any time.
    """
    models, credentials = Models(store), Credentials(store)
    found = [("model", record.id) for record in await models.all()]
    found += [("credential", name) for name in await credentials.by_name()]
    state = Resealed(total=len(found))
    yield state
    for kind, id in found:
        work = _model(models, id, keys) if kind == "model" else _credential(credentials, id, keys)
        try:
            state.changed += await store.atomically(work)
        except SealBroken:
            state.broken.append(f"{kind} {id}")
        state.seen += 1
        yield state


Work = Callable[[Session], Awaitable[bool]]


def _model(models: Models, id: str, keys: tuple[bytes, ...]) -> Work:
    async def work(session: Session) -> bool:
        record = await models.find(id, session)
        if record is None or not record.api_key_sealed or is_sealed_under(record.api_key_sealed, keys[0], id):
            return False
        sealed = seal(unseal(record.api_key_sealed, keys, id), keys[0], id)
        await models.replace(msgspec.structs.replace(record, api_key_sealed=sealed), session)
        return True

    return work


def _credential(credentials: Credentials, id: str, keys: tuple[bytes, ...]) -> Work:
    async def work(session: Session) -> bool:
        record = await credentials.find(id, session)
        if record is None:
            return False
        old = {
            name for name, value in record.sealed.items() if not is_sealed_under(value, keys[0], context_of(id, name))
        }
        if not old:
            return False
        values = record.opened(keys)
        anew = {name: seal(values[name], keys[0], context_of(id, name)) for name in old}
        await credentials.replace(msgspec.structs.replace(record, sealed=record.sealed | anew), session)
        return True

    return work
