"""The routes that tell about deployments and model groups."""

import asyncio
from collections import defaultdict
from typing import Any

from services.admin.current import Current
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.group_shapes import Member, group_shape
from services.admin.domain.model_shapes import configured_shape, stored_shape
from services.admin.domain.requests import Answer, Request
from services.admin.domain.visible_groups import visible_groups
from shared.errors import NotFound
from shared.pricing.table import PriceTable
from shared.settings import Deployment
from shared.store.models import Models, offered_deployments

_INFO = FieldPolicy(
    known=frozenset({"litellm_model_id"}),
    refused={"teamId": None, "healthy_only": "false"},
    kept=frozenset({"include_team_models"}),
)
_GROUP = FieldPolicy(known=frozenset({"model_group"}), refused={}, kept=frozenset())


class ModelViews:
    """Shows what the caller may use."""

    def __init__(self, models: Models, current: Current, prices: PriceTable) -> None:
        self._models = models
        self._current = current
        self._prices = prices

    async def info(self, request: Request) -> Answer:
        """Tell about the deployments that the caller may use, or about one of them."""
        _INFO.sort_out(request.query)
        id = Fields(request.query).text("litellm_model_id")
        to_admin = not request.is_own_only
        records = await self._models.all()
        visible = visible_groups(request.principal, [*self._current.deployments, *offered_deployments(records)])
        shapes = [
            configured_shape(name, deployment, to_admin=to_admin) for name, deployment in self._current.deployments
        ]
        shapes += [stored_shape(record, to_admin=to_admin) for record in records]
        shapes = [shape for shape in shapes if to_admin or shape["model_name"] in visible]
        if id:
            shapes = [shape for shape in shapes if shape["model_info"]["id"] == id]
            if not shapes:
                raise NotFound(f"There is no deployment '{id}'.", param="litellm_model_id")
        return Answer({"data": shapes})

    async def groups(self, request: Request) -> Answer:
        """Tell about the model groups that the caller may use, or about one of them."""
        _GROUP.sort_out(request.query)
        only = Fields(request.query).text("model_group")
        # The first question imports the table, which takes a fifth of a second.
        await asyncio.to_thread(self._prices.load)
        records = await self._models.all()
        infos = {record.id: record.model_info for record in records}
        offered = [*self._current.deployments, *offered_deployments(records)]
        visible = visible_groups(request.principal, offered)
        groups: dict[str, list[Member]] = defaultdict(list)
        for name, deployment in offered:
            if name in visible and only in ("", name):
                groups[name].append(self._member(deployment, infos.get(deployment.id, {})))
        if only and not groups:
            raise NotFound(f"There is no model group '{only}'.", param="model_group")
        return Answer({"data": [group_shape(name, members) for name, members in groups.items()]})

    def _member(self, deployment: Deployment, info: dict[str, Any]) -> Member:
        return Member(deployment, info, self._prices.price_of(deployment), self._prices.context_window(deployment))
