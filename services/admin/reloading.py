"""The `/config` routes: the configuration file is applied anew, or it is told what that would do."""

from collections import Counter
from typing import Any

from pydantic import ValidationError

from services.admin.current import RELOADABLE, Current
from services.admin.declaring import Declaring, by_the_file
from services.admin.domain.declared_places import DeclarationRefused
from services.admin.domain.declared_plan import step_shape
from services.admin.domain.fields import FieldPolicy
from services.admin.domain.model_plan import model_steps
from services.admin.domain.requests import Answer, Request
from services.admin.naming import ModelNames
from services.admin.recording import Deed, Recorder
from shared.catalog.fixed import configured_deployments
from shared.catalog.granted import grants_of
from shared.errors import InvalidRequest
from shared.settings import Configuration, ConfigurationError
from shared.settings.demo import MODEL
from shared.settings.load import sentence_of
from shared.settings.problems import spelled
from shared.store.connection import Session

_NOTHING = FieldPolicy(frozenset(), {}, frozenset())
_PLAN = FieldPolicy(RELOADABLE, {}, frozenset())


class ReloadRoutes:
    """Applies the file to the store and has every worker read it."""

    def __init__(self, current: Current, declaring: Declaring, recorder: Recorder, names: ModelNames) -> None:
        self._current = current
        self._declaring = declaring
        self._recorder = recorder
        self._names = names

    async def reload(self, request: Request) -> Answer:
        """Apply the file: declared objects, and models on every worker within a second."""
        _NOTHING.sort_out(request.body)
        try:
            configuration, digest = await self._current.read()
        except ConfigurationError as error:
            raise InvalidRequest(f"The configuration file was not applied. {error}") from None
        models = model_steps(self._current.configuration, configuration)
        try:
            steps = await self._declaring.apply(configuration, request_id=request.id, client=request.client)
        except DeclarationRefused as error:
            reason = await self._current.located(error.problem)
            raise InvalidRequest(f"The configuration file was not applied. {reason}") from None
        self._current.go_by(configuration)
        changes = [*map(step_shape, steps), *models]

        async def work(_: Session) -> tuple[None, list[Deed]]:
            facts: dict[str, Any] = {"asked_by": request.actor_name, "changes": dict(_counted(changes))}
            return None, [Deed("configuration", digest, "configuration.reloaded", None, facts)]

        await self._recorder.carry_out(by_the_file(request.id, request.client), work)
        unapplied, unknown = self._current.unapplied(configuration), await self._unknown(configuration)
        return Answer({"changes": changes, "restart_needed": unapplied, "unknown_models": unknown})

    async def plan(self, request: Request) -> Answer:
        """Tell what would change if the file said what the body does; keys come as hashes, models without secrets."""
        _PLAN.sort_out(request.body)
        try:
            configuration = Configuration.model_validate(request.body)
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False)[0]
            raise InvalidRequest(sentence_of(problem), param=spelled(problem["loc"])) from None
        steps = await self._declaring.plan(configuration)
        models = model_steps(self._current.configuration, configuration)
        unknown = await self._unknown(configuration)
        return Answer({"changes": [*map(step_shape, steps), *models], "restart_needed": [], "unknown_models": unknown})

    async def _unknown(self, configuration: Configuration) -> list[dict[str, str]]:
        """Return who is granted models that do not exist."""
        grants = grants_of(configuration)
        deployments = configured_deployments(configuration)
        # The built-in demo model stands in no file.
        deployments += [item for item in self._current.deployments if item[0] == MODEL]
        unknown = set(await self._names.unknown([grant.model for grant in grants], deployments))
        return [grant._asdict() for grant in grants if grant.model in unknown]


def _counted(changes: list[dict[str, Any]]) -> Counter[str]:
    return Counter(change["action"] for change in changes)
