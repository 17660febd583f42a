"""The `/model` routes that change something."""

import uuid

import msgspec

from services.admin.current import Current
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.model_fields import NewModel, changed_body, read_new_model
from services.admin.domain.model_shapes import row_shape, stored_shape
from services.admin.domain.requests import Answer, Request
from services.admin.domain.secrets import check_reference
from services.admin.recording import Deed, Recorder
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.security.sealing import seal
from shared.settings.credentials import CredentialSettings
from shared.store.connection import Session
from shared.store.credentials import Credentials
from shared.store.models import ModelRecord, Models

_DELETE = FieldPolicy(frozenset({"id"}), {}, frozenset())
_BLOCK = FieldPolicy(frozenset({"model_id"}), {}, frozenset())


class ModelRoutes:
    """Adds, changes and removes deployments; each change serves on every worker within a second."""

    def __init__(
        self,
        models: Models,
        credentials: Credentials,
        recorder: Recorder,
        current: Current,
        settings: CredentialSettings,
        encryption_key: bytes,
    ) -> None:
        self._models = models
        self._credentials = credentials
        self._recorder = recorder
        self._current = current
        self._settings = settings
        self._encryption_key = encryption_key

    async def new(self, request: Request) -> Answer:
        """Add a deployment to a model group."""
        wanted = read_new_model(request.body)
        id = wanted.id or str(uuid.uuid4())
        if id in self._current.deployment_ids:
            raise Conflict(f"The configuration file has a deployment '{id}'.", param="model_info.id")
        blank = ModelRecord(id, wanted.name, wanted.provider, wanted.model, request.now, created_by=request.actor_name)
        record = self._with(blank, wanted)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            await self._check_credential(record, session)
            await self._models.insert(record, session)
            return None, [_deed("model.added", None, record)]

        await self._recorder.carry_out(request, work)
        return Answer(row_shape(record), wanted.ignored)

    async def update(self, request: Request) -> Answer:
        """Change a deployment: absent leaves a field as it was, null takes it away."""
        id = self._id(request)
        self._refuse_configured(id, "model_info.id")

        async def work(session: Session) -> tuple[tuple[ModelRecord, NewModel], list[Deed]]:
            before = await self._found(id, "model_info.id", session)
            wanted = read_new_model(changed_body(before, request.body))
            stamped = msgspec.structs.replace(before, updated_at=request.now, updated_by=request.actor_name)
            after = self._with(stamped, wanted)
            await self._check_credential(after, session)
            await self._models.replace(after, session)
            return (after, wanted), [_deed("model.updated", before, after)]

        record, wanted = await self._recorder.carry_out(request, work)
        return Answer(row_shape(record), wanted.ignored)

    async def block(self, request: Request) -> Answer:
        """Have a deployment serve nothing until it is unblocked."""
        return await self._set_blocked(request, blocked=True)

    async def unblock(self, request: Request) -> Answer:
        """Let a blocked deployment serve again."""
        return await self._set_blocked(request, blocked=False)

    async def delete(self, request: Request) -> Answer:
        """Remove a deployment that was added over the API."""
        _DELETE.sort_out(request.body)
        id = Fields(request.body).needed_text("id")
        self._refuse_configured(id, "id")

        async def work(session: Session) -> tuple[None, list[Deed]]:
            record = await self._models.delete(id, session)
            if record is None:
                raise _no_model(id, "id")
            return None, [_deed("model.deleted", record, None)]

        await self._recorder.carry_out(request, work)
        return Answer({"message": f"Model: {id} deleted successfully"})

    async def _set_blocked(self, request: Request, *, blocked: bool) -> Answer:
        _BLOCK.sort_out(request.body)
        id = Fields(request.body).needed_text("model_id")
        self._refuse_configured(id, "model_id")

        async def work(session: Session) -> tuple[ModelRecord, list[Deed]]:
            before = await self._found(id, "model_id", session)
            after = msgspec.structs.replace(
                before, blocked=blocked, updated_at=request.now, updated_by=request.actor_name
            )
            await self._models.replace(after, session)
            return after, [_deed("model.blocked" if blocked else "model.unblocked", before, after)]

        return Answer(row_shape(await self._recorder.carry_out(request, work)))

    def _with(self, record: ModelRecord, wanted: NewModel) -> ModelRecord:
        """Return a deployment as it is wanted; its credential stays where the request does not speak of it."""
        sealed = record.api_key_sealed
        if wanted.api_key is not None:
            check_reference(wanted.api_key, "litellm_params.api_key", self._settings)
            sealed = seal(wanted.api_key, self._encryption_key, record.id) if wanted.api_key else ""
        return msgspec.structs.replace(
            record,
            model_name=wanted.name,
            provider=wanted.provider,
            model=wanted.model,
            api_base=wanted.api_base,
            api_key_sealed=sealed,
            credential_name=wanted.credential_name,
            weight=wanted.weight,
            timeouts=wanted.timeouts,
            prices=wanted.prices,
            rpm=wanted.rpm,
            tpm=wanted.tpm,
            blocked=wanted.blocked,
            litellm_params=wanted.params,
            model_info=wanted.info,
        )

    def _id(self, request: Request) -> str:
        """Return the deployment that an update is about: the path's, or the body's."""
        fields = Fields(request.path)
        if "model_id" in fields:
            return fields.needed_text("model_id")
        body = Fields(request.body)
        # LiteLLM's Python client says the id beside the other fields.
        return body.text("id") or Fields(body.mapping("model_info"), "model_info").needed_text("id")

    def _refuse_configured(self, id: str, param: str) -> None:
        if id in self._current.deployment_ids:
            raise InvalidRequest(f"'{id}' stands in the configuration file; change it there.", param=param)

    async def _check_credential(self, record: ModelRecord, session: Session) -> None:
        name = record.credential_name
        if name and await self._credentials.find(name, session) is None:
            raise InvalidRequest(f"There is no credential '{name}'.", param="litellm_params.litellm_credential_name")

    async def _found(self, id: str, param: str, session: Session) -> ModelRecord:
        record = await self._models.find(id, session)
        if record is None:
            raise _no_model(id, param)
        return record


def _no_model(id: str, param: str) -> NotFound:
    return NotFound(f"There is no deployment '{id}'.", param=param)


def _deed(action: str, before: ModelRecord | None, after: ModelRecord | None) -> Deed:
    record = after or before
    assert record is not None  # noqa: S101 - a deed is about something
    return Deed(
        "model",
        record.id,
        action,
        stored_shape(before, to_admin=True) if before else None,
        stored_shape(after, to_admin=True) if after else None,
    )
