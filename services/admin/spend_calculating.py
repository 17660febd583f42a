"""`/spend/calculate`: what a request would cost, or what an answer did."""

import asyncio

from services.admin.current import Current
from services.admin.domain.model_fields import PROVIDERS, family_of
from services.admin.domain.requests import Answer, Request
from services.admin.domain.spend_question import SpendQuestion, read_question
from services.admin.domain.visible_groups import visible_groups
from shared.errors import ModelNotFound
from shared.pricing.money import to_dollars
from shared.pricing.prices import Cost
from shared.pricing.table import PriceTable
from shared.settings import Deployment
from shared.store.models import Models, offered_deployments


class SpendCalculating:
    """Prices as the ledger would."""

    def __init__(self, models: Models, current: Current, prices: PriceTable) -> None:
        self._models = models
        self._current = current
        self._prices = prices

    async def calculate(self, request: Request) -> Answer:
        """Tell the cost; where a model group has several deployments, that of the dearest."""
        question = read_question(request.body)
        offered = [*self._current.deployments, *offered_deployments(await self._models.all())]
        deployments = visible_groups(request.principal, offered).get(question.model) or _by_name(question.model)
        if not deployments:
            raise ModelNotFound(f"The model '{question.model}' does not exist.", param="model")
        # Counting, and the first look into the table, would hold the event loop.
        costs = await asyncio.to_thread(self._costs, question, deployments)
        dearest = max(costs, key=lambda cost: cost.nano)
        return Answer({"cost": to_dollars(dearest.nano), "unpriced": any(cost.unpriced for cost in costs)})

    def _costs(self, question: SpendQuestion, deployments: list[Deployment]) -> list[Cost]:
        used = question.used(deployments[0].model)
        return [self._prices.price_of(deployment).cost(used) for deployment in deployments]


def _by_name(model: str) -> list[Deployment]:
    """Return a deployment of a model by the provider's own name of it, such as `openai/gpt-4o` or `gpt-4o`."""
    before, _, after = model.partition("/")
    provider, name = (before, after) if before in PROVIDERS and after else (family_of(model), model)
    return [Deployment.model_validate({"provider": provider, "model": name})] if provider else []
