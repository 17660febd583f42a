"""The stage's handler: finds the target of a request and sends the request on its way."""

from collections.abc import Coroutine, Mapping
from typing import Any

from services.passthrough.admission import Admission
from services.passthrough.domain.targets import Target
from services.passthrough.passage import Passage, Services
from services.passthrough.provider import Provider
from shared.bus.stage import Call
from shared.errors import Forbidden, Unavailable


class Forwarder:
    """Takes pass-through requests."""

    def __init__(
        self,
        services: Services,
        admission: Admission,
        targets: Mapping[str, Target],
        providers: Mapping[str, Provider],
    ) -> None:
        self._services = services
        self._admission = admission
        self._targets = targets
        self._providers = providers

    def forward(self, call: Call) -> Coroutine[Any, Any, None]:
        """Return the work of one request; raise `Unavailable` when its route leads nowhere."""
        target = self._targets.get(call.ctx.route)
        if target is None:
            raise Unavailable("No account for this provider is configured.")
        return self._forward(call, target)

    async def _forward(self, call: Call, target: Target) -> None:
        principal = call.ctx.principal
        if principal is None:
            raise Forbidden("Nobody has said who is asking.")
        if self._services.events.full:
            raise Unavailable("the gateway cannot record more requests right now", retry_after=5)
        admitted = await self._admission.admit(call, target, principal)
        passage = Passage(self._services, self._providers[target.name], target, call, admitted)
        await passage.run(principal)
