"""Says of a request that grants models which of them do not exist, so that a typing error is seen."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from services.admin.current import Current
from services.admin.domain.model_names import header_of, names_in
from services.admin.domain.requests import Answer, Request, Streamed
from services.admin.handlers import Handler
from shared.catalog.granted import Named, names_of
from shared.errors import Unavailable
from shared.pricing.table import PriceTable
from shared.settings.providers import PROVIDERS
from shared.store.models import Models, offered_deployments

UNKNOWN_MODELS = "x-tollway-unknown-models"
"""The answer's header that names models of the request that do not exist; they are kept, since they may come."""

GRANTING = frozenset(
    {
        "customer_new",
        "customer_update",
        "key_generate",
        "key_regenerate",
        "key_service_account",
        "key_update",
        "organization_new",
        "organization_patch",
        "organization_update",
        "organization_update_post",
        "team_member_add",
        "team_member_update",
        "team_model_add",
        "team_new",
        "team_patch",
        "team_update",
        "user_new",
        "user_update",
    }
)
"""The routes whose bodies grant models."""


class ModelNames:
    """Knows the names of model groups and access groups: the file's, the store's, and those a provider's key brings."""

    def __init__(
        self, models: Models, current: Current, prices: PriceTable, providers: Collection[str] | None = None
    ) -> None:
        """`providers` are those that the environment switches on; None where that is not known, and any may be."""
        self._models = models
        self._current = current
        self._prices = prices
        self._providers = PROVIDERS if providers is None else tuple(providers)

    def noting(self, handler: Handler) -> Handler:
        """Return the handler with the header added to its answer."""

        async def noted(request: Request) -> Answer | Streamed:
            answer = await handler(request)
            unknown = await self._noticed(request)
            if not unknown or isinstance(answer, Streamed):
                return answer
            return replace(answer, headers=(*answer.headers, (UNKNOWN_MODELS, header_of(unknown))))

        return noted

    async def unknown(self, names: Sequence[str], deployments: Sequence[Named] | None = None) -> list[str]:
        """Return the names of which there is nothing; `deployments` stand for the file's. Raises `StoreUnavailable`."""
        fixed = self._current.deployments if deployments is None else deployments
        missing = sorted(set(names) - names_of(fixed))
        if missing:
            missing = sorted(set(missing) - names_of(offered_deployments(await self._models.all())))
        if missing and self._providers:
            # A provider's key in the environment switches on what the table has of it.
            await asyncio.to_thread(self._prices.load)
            known = {name for provider in self._providers for name in self._prices.models(provider)}
            missing = sorted(set(missing) - known)
        return missing

    async def _noticed(self, request: Request) -> list[str]:
        names = names_in(request.body)
        try:
            return await self.unknown(names) if names else []
        except Unavailable:
            # What was asked for is done; a hint is no reason to say that it was not.
            return []
