"""The `/model` routes."""

import uuid
from collections.abc import Sequence

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.model_fields import NewModel, read_new_model
from services.admin.domain.model_shapes import configured_shape, new_shape, stored_shape
from services.admin.domain.requests import Answer, Request
from services.admin.recording import Deed, Recorder
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.security.sealing import seal
from shared.settings import Configuration, Deployment
from shared.store.connection import Session
from shared.store.models import ModelRecord, Models

_DELETE = FieldPolicy(frozenset({"id"}), {}, frozenset())
_INFO = FieldPolicy(
    known=frozenset({"litellm_model_id"}),
    refused={"teamId": None, "healthy_only": "false"},
    kept=frozenset({"include_team_models"}),
)


class ModelRoutes:
    """Adds, shows and removes deployments."""

    def __init__(self, models: Models, recorder: Recorder, configuration: Configuration, encryption_key: bytes) -> None:
        self._models = models
        self._recorder = recorder
        self._encryption_key = encryption_key
        self._configured = configured_deployments(configuration)

    async def new(self, request: Request) -> Answer:
        """Add a deployment to a model group; it serves on every worker within a second."""
        wanted = read_new_model(request.body)
        record = self._record(wanted, request)
        if any(record.id == id for _, id, _ in self._configured):
            raise Conflict(f"The configuration file has a deployment '{record.id}'.", param="model_info.id")

        async def work(session: Session) -> tuple[None, list[Deed]]:
            await self._models.insert(record, session)
            return None, [Deed("model", record.id, "model.added", after=stored_shape(record, to_admin=True))]

        await self._recorder.carry_out(request, work)
        return Answer(new_shape(record), wanted.ignored)

    async def info(self, request: Request) -> Answer:
        """Tell about the deployments that the caller may use, or about one of them."""
        _INFO.sort_out(request.query)
        id = Fields(request.query).text("litellm_model_id")
        to_admin = not request.is_own_only
        shapes = [
            configured_shape(name, its_id, deployment, to_admin=to_admin)
            for name, its_id, deployment in self._configured
        ]
        shapes += [stored_shape(record, to_admin=to_admin) for record in await self._models.all()]
        shapes = [shape for shape in shapes if request.principal.may_use(shape["model_name"])]
        if id:
            shapes = [shape for shape in shapes if shape["model_info"]["id"] == id]
            if not shapes:
                raise NotFound(f"There is no deployment '{id}'.", param="litellm_model_id")
        return Answer({"data": shapes})

    async def delete(self, request: Request) -> Answer:
        """Remove a deployment that was added over the API."""
        _DELETE.sort_out(request.body)
        id = Fields(request.body).needed_text("id")
        if any(id == configured for _, configured, _ in self._configured):
            raise InvalidRequest(f"'{id}' stands in the configuration file; remove it there.", param="id")

        async def work(session: Session) -> tuple[None, list[Deed]]:
            record = await self._models.delete(id, session)
            if record is None:
                raise NotFound(f"There is no deployment '{id}'.", param="id")
            return None, [Deed("model", id, "model.deleted", before=stored_shape(record, to_admin=True))]

        await self._recorder.carry_out(request, work)
        return Answer({"message": f"Model: {id} deleted successfully"})

    def _record(self, wanted: NewModel, request: Request) -> ModelRecord:
        id = wanted.id or str(uuid.uuid4())
        return ModelRecord(
            id=id,
            model_name=wanted.name,
            provider=wanted.provider,
            model=wanted.model,
            created_at=request.now,
            api_base=wanted.api_base,
            api_key_sealed=seal(wanted.api_key, self._encryption_key, id) if wanted.api_key else "",
            weight=wanted.weight,
            timeouts=wanted.timeouts,
            prices=wanted.prices,
            litellm_params=wanted.params,
            model_info=wanted.info,
            created_by=request.actor_name,
        )


def configured_deployments(configuration: Configuration) -> Sequence[tuple[str, str, Deployment]]:
    """Return (model group, id, deployment) of the configuration file; the router gives the same ids."""
    return [
        (group.model_name, deployment.id or f"{group.model_name}/{index}", deployment)
        for group in configuration.models
        for index, deployment in enumerate(group.deployments)
    ]
