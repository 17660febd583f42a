"""Deployments that were added over the API, and how they become the deployments that the router knows."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from pydantic import SecretStr, ValidationError
from pymongo.errors import DuplicateKeyError

from shared.errors import Conflict
from shared.security.sealing import EncryptionKeys, SealBroken, unseal
from shared.settings.models import Deployment, Timeouts
from shared.store.connection import Document, Session, Store, translated
from shared.store.credentials import CredentialRecord

log = structlog.get_logger(__name__)

_AS_TEXT = ("litellm_params", "model_info")
"""Fields with names of the operator's choice: kept as JSON, so that no name means anything to the database."""

_CLOCKS = frozenset(Timeouts.model_fields)
_PRICES = frozenset(name for name in Deployment.model_fields if "_cost" in name)


class CredentialMissing(Exception):
    """A deployment refers to a credential that is not there."""


class ModelRecord(msgspec.Struct, frozen=True):
    """One deployment of a model group as it is stored; times are Unix seconds."""

    id: str
    model_name: str
    """The model group that callers ask for."""
    provider: str
    """`openai`, `anthropic` or `demo`."""
    model: str
    """The provider's name of the model."""
    created_at: float
    api_base: str = ""
    api_key_sealed: str = ""
    """By `shared.security.sealing` with the deployment's id as context; empty when there is none."""
    weight: float = 1.0
    timeouts: dict[str, float] = {}
    """Seconds by the names of `shared.settings.models.Timeouts`."""
    prices: dict[str, str] = {}
    """Dollars per unit as decimal text, by LiteLLM's names: `input_cost_per_token` and so on."""
    litellm_params: dict[str, Any] = {}
    """What else was given, kept as it came."""
    model_info: dict[str, Any] = {}
    rpm: int | None = None
    """Requests a minute that the deployment may get; None is no limit."""
    tpm: int | None = None
    """Tokens a minute."""
    credential_name: str = ""
    """The stored credential that it uses; empty for one of its own."""
    blocked: bool = False
    """True while it serves nothing."""
    created_by: str = ""
    updated_at: float = 0.0
    updated_by: str = ""


class Models:
    """The collection of deployments."""

    def __init__(self, store: Store) -> None:
        self._models = store.database.models

    async def all(self) -> list[ModelRecord]:
        """Return every deployment, the oldest first."""
        with translated():
            documents = await self._models.find({}).to_list(length=None)
        return sorted((_record(document) for document in documents), key=lambda record: record.created_at)

    async def find(self, id: str, session: Session = None) -> ModelRecord | None:
        """Return one deployment."""
        with translated():
            document = await self._models.find_one({"_id": id}, session=session)
        return _record(document) if document else None

    async def find_many(self, ids: Sequence[str], session: Session = None) -> dict[str, ModelRecord]:
        """Return the deployments that exist, by id."""
        with translated():
            documents = await self._models.find({"_id": {"$in": list(ids)}}, session=session).to_list(length=None)
        return {document["_id"]: _record(document) for document in documents}

    async def insert_many(self, records: Sequence[ModelRecord], session: Session) -> None:
        """Store new deployments; raise `Conflict` when an id is taken."""
        for record in records:
            await self.insert(record, session)

    async def using(self, credential: str, session: Session = None) -> list[str]:
        """Return the ids of the deployments that use a stored credential."""
        with translated():
            found = await self._models.find({"credential_name": credential}, session=session).to_list(length=None)
        return sorted(document["_id"] for document in found)

    async def insert(self, record: ModelRecord, session: Session = None) -> None:
        """Store a new deployment; raise `Conflict` when its id is taken."""
        with translated():
            try:
                await self._models.insert_one(_document(record), session=session)
            except DuplicateKeyError:
                raise Conflict(
                    f"A deployment with the id '{record.id}' exists already.", param="model_info.id"
                ) from None

    async def replace(self, record: ModelRecord, session: Session) -> None:
        """Write a deployment that was read by the same session, so that no change in between is lost."""
        with translated():
            await self._models.replace_one({"_id": record.id}, _document(record), session=session)

    async def delete(self, id: str, session: Session = None) -> ModelRecord | None:
        """Delete a deployment and return what it was; None when there was none."""
        with translated():
            document = await self._models.find_one_and_delete({"_id": id}, session=session)
        return _record(document) if document else None


def usable_deployments(
    records: Iterable[ModelRecord],
    encryption_key: EncryptionKeys,
    credentials: Mapping[str, CredentialRecord] | None = None,
) -> list[tuple[str, Deployment]]:
    """Return (model group, deployment) pairs; one that cannot be used is left out, and the log says why.

    So a credential that was sealed under another key takes no other model away.
    """
    found = []
    for record in records:
        if record.blocked:
            continue
        try:
            found.append((record.model_name, to_deployment(record, encryption_key, credentials)))
        except CredentialMissing as error:
            log.error("models.credential_missing", deployment=record.id, reason=str(error))
        except SealBroken as error:
            log.error("models.credential_broken", deployment=record.id, reason=str(error))
        except ValidationError:
            log.error("models.deployment_unknown", deployment=record.id, provider=record.provider)
    return found


def to_deployment(
    record: ModelRecord, encryption_key: EncryptionKeys, credentials: Mapping[str, CredentialRecord] | None = None
) -> Deployment:
    """Return the deployment as the configuration file would have it, with its credential in clear.

    `credentials` are the stored ones by name; what the deployment states itself wins over them. Raises `SealBroken`
    when the credential cannot be opened and `CredentialMissing` when there is none of that name; such a deployment
    cannot serve.
    """
    shared: dict[str, str] = {}
    if record.credential_name:
        credential = (credentials or {}).get(record.credential_name)
        if credential is None:
            raise CredentialMissing(f"there is no credential '{record.credential_name}'")
        shared = credential.opened(encryption_key)
    key = shared.get("api_key")
    if record.api_key_sealed:
        key = unseal(record.api_key_sealed, encryption_key, record.id)
    return _deployment(record, key, shared.get("api_base", ""))


def without_credential(record: ModelRecord) -> Deployment:
    """Return the deployment for those who only ask what there is."""
    return _deployment(record, None)


def _deployment(record: ModelRecord, key: str | None, base: str = "") -> Deployment:
    return Deployment.model_validate(
        {
            "id": record.id,
            "provider": record.provider,
            "model": record.model,
            "api_base": record.api_base or base or None,
            "api_key": SecretStr(key) if key is not None else None,
            "weight": record.weight,
            "access_groups": _names(record.model_info.get("access_groups")),
            "max_output_tokens": _tokens(record.model_info.get("max_output_tokens")),
            "rpm": record.rpm,
            "tpm": record.tpm,
            "timeouts": {name: value for name, value in record.timeouts.items() if name in _CLOCKS},
            **{name: float(value) for name, value in record.prices.items() if name in _PRICES},
        }
    )


def offered_deployments(records: Iterable[ModelRecord]) -> list[tuple[str, Deployment]]:
    """Return (model group, deployment) pairs without credentials, for those who only ask what there is.

    A deployment whose credential is missing or broken is among them, though no router can use it.
    """
    found = []
    for record in records:
        if not record.blocked:
            with suppress(ValidationError):  # whoever wants to use it says so in the log
                found.append((record.model_name, without_credential(record)))
    return found


def _names(value: object) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list | tuple) else ()


def _tokens(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _document(record: ModelRecord) -> Document:
    document: Document = msgspec.to_builtins(record)
    document["_id"] = document.pop("id")
    return document | {name: msgspec.json.encode(document[name]).decode() for name in _AS_TEXT}


def _record(document: Document) -> ModelRecord:
    texts = {name: msgspec.json.decode(document[name]) for name in _AS_TEXT}
    return msgspec.convert({**document, **texts, "id": document["_id"]}, ModelRecord)
