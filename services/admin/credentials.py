"""The `/credentials` routes: credentials of providers by name, sealed, and never shown in clear."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.admin.domain.credential_fields import (
    CredentialBody,
    read_credential_change,
    read_new_credential,
    shown_values,
)
from services.admin.domain.credential_shapes import credential_shape, deployment_credential_shape
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Answer, Request
from services.admin.domain.secrets import check_reference
from services.admin.recording import Deed, Recorder
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.security.sealing import SealBroken, unseal
from shared.settings.credentials import CredentialSettings
from shared.store.connection import Session
from shared.store.credentials import CredentialRecord, Credentials, sealed_values
from shared.store.models import Models

_NOTHING = FieldPolicy(frozenset(), {}, frozenset())


class CredentialRoutes:
    """Makes, shows, changes and deletes credentials."""

    def __init__(
        self,
        credentials: Credentials,
        models: Models,
        recorder: Recorder,
        settings: CredentialSettings,
        encryption_keys: tuple[bytes, ...],
    ) -> None:
        self._credentials = credentials
        self._models = models
        self._recorder = recorder
        self._settings = settings
        self._keys = encryption_keys

    async def new(self, request: Request) -> Answer:
        """Store a credential: values that are given, or those of a deployment."""
        wanted = read_new_credential(request.body)
        self._check(wanted)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            values = {**await self._copied(wanted.model_id, session), **wanted.values}
            record = CredentialRecord(
                id=wanted.name,
                created_at=request.now,
                display_name=wanted.display_name or "",
                info=wanted.info,
                sealed=sealed_values(wanted.name, values, self._keys[0]),
                shown=shown_values(values),
                created_by=request.actor_name,
            )
            await self._credentials.insert(record, session)
            return None, [_deed("credential.added", None, record)]

        await self._recorder.carry_out(request, work)
        return Answer({"success": True, "message": "Credential created successfully"})

    async def list(self, request: Request) -> Answer:
        """List all credentials, secrets masked."""
        _NOTHING.sort_out(request.query)
        records = await self._credentials.by_name()
        return Answer({"success": True, "credentials": [credential_shape(record) for record in records.values()]})

    async def by_name(self, request: Request) -> Answer:
        """Tell about one credential, secrets masked."""
        _NOTHING.sort_out(request.query)
        return Answer(credential_shape(await self._found(_name(request))))

    async def by_model(self, request: Request) -> Answer:
        """Tell about the credential of a deployment, secrets masked."""
        _NOTHING.sort_out(request.query)
        id = Fields(request.path).text("model_id")
        model = await self._models.find(id)
        if model is None:
            raise NotFound(f"There is no deployment '{id}' that was added over the API.", param="model_id")
        shared = await self._credentials.find(model.credential_name) if model.credential_name else None
        return Answer(deployment_credential_shape(model, shared))

    async def update(self, request: Request) -> Answer:
        """Change a credential: absent leaves a value as it was, null takes it away."""
        name = _name(request)
        change = read_credential_change(request.body, name)
        self._check(change)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            before = await self._found(name, session)
            values = {**await self._copied(change.model_id, session), **change.values}
            kept = before.sealed.keys() - change.removed
            after = msgspec.structs.replace(
                before,
                display_name=before.display_name if change.display_name is None else change.display_name,
                info=_merged(before.info, change.info),
                sealed=_only(before.sealed, kept) | sealed_values(name, values, self._keys[0]),
                shown=_only(before.shown, kept) | shown_values(values),
                updated_at=request.now,
                updated_by=request.actor_name,
            )
            await self._credentials.replace(after, session)
            return None, [_deed("credential.updated", before, after)]

        await self._recorder.carry_out(request, work)
        return Answer({"success": True, "message": "Credential updated successfully"})

    async def delete(self, request: Request) -> Answer:
        """Delete a credential that no deployment uses."""
        name = _name(request)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            record = await self._found(name, session)
            users = await self._models.using(name, session)
            if users:
                raise Conflict(
                    f"The credential '{name}' is used by {len(users)} deployments: {', '.join(users[:10])}.",
                    param="credential_name",
                )
            await self._credentials.delete(name, session)
            return None, [_deed("credential.deleted", record, None)]

        await self._recorder.carry_out(request, work)
        return Answer({"success": True, "message": "Credential deleted successfully"})

    def _check(self, wanted: CredentialBody) -> None:
        check_reference(wanted.values.get("api_key", ""), "credential_values.api_key", self._settings)

    async def _copied(self, model_id: str, session: Session) -> dict[str, str]:
        """Return what a deployment has of its own, opened."""
        if not model_id:
            return {}
        model = await self._models.find(model_id, session)
        if model is None or not model.api_key_sealed:
            raise InvalidRequest(f"There is no deployment '{model_id}' with a credential.", param="model_id")
        try:
            values = {"api_key": unseal(model.api_key_sealed, self._keys, model.id), "api_base": model.api_base}
        except SealBroken as error:
            raise InvalidRequest(
                f"The credential of '{model_id}' cannot be copied: {error}.", param="model_id"
            ) from None
        return {name: value for name, value in values.items() if value}

    async def _found(self, name: str, session: Session = None) -> CredentialRecord:
        record = await self._credentials.find(name, session)
        if record is None:
            raise NotFound(f"There is no credential '{name}'.", param="credential_name")
        return record


def _name(request: Request) -> str:
    return Fields(request.path).needed_text("credential_name")


def _only(values: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in names}


def _merged(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **change}.items() if value is not None}


def _deed(action: str, before: CredentialRecord | None, after: CredentialRecord | None) -> Deed:
    record = after or before
    assert record is not None  # noqa: S101 - a deed is about something
    shapes = [credential_shape(item) if item is not None else None for item in (before, after)]
    return Deed("credential", record.id, action, *shapes)
