"""The stage's handler: finds the target of a request and sends the request on its way."""

from collections.abc import Coroutine, Mapping
from typing import Any

from services.passthrough.admission import Admission, Admitted
from services.passthrough.books import Accounting, Books
from services.passthrough.domain.targets import Target
from services.passthrough.limits import NativeLimits, unpriced_call
from services.passthrough.metering import Copying
from services.passthrough.passage import Passage
from services.passthrough.provider import Provider
from shared.bus.permission import may_send
from shared.bus.stage import Call
from shared.bus.worker import Worker
from shared.errors import Forbidden, Unavailable, WorkerLost


class Forwarder:
    """Takes pass-through requests."""

    def __init__(
        self,
        worker: Worker,
        admission: Admission,
        limits: NativeLimits,
        accounting: Accounting,
        copying: Copying,
        routes: Mapping[str, tuple[Target, Provider]],
    ) -> None:
        self._worker = worker
        self._admission = admission
        self._limits = limits
        self._accounting = accounting
        self._copying = copying
        self._routes = routes

    def forward(self, call: Call) -> Coroutine[Any, Any, None]:
        """Return the work of one request; raise `Unavailable` when its route leads nowhere."""
        if call.ctx.route not in self._routes:
            raise Unavailable("No account for this provider is configured.")
        if self._accounting.writer.full:
            raise Unavailable("the gateway cannot record more requests right now", retry_after=5)
        return self._forward(call, *self._routes[call.ctx.route])

    async def _forward(self, call: Call, target: Target, provider: Provider) -> None:
        who = call.ctx.principal
        if who is None:
            raise Forbidden("Nobody has said who is asking.")
        admitted = await self._within_limits(call, target, await self._admission.admit(call, target, who))
        books = Books(self._accounting, call.ctx, who, target, admitted)
        if not await may_send(self._worker, call.ctx, books.notice()):
            raise WorkerLost("this request was given to another worker meanwhile", retry_after=1)
        await Passage(call, target, provider, admitted, books, self._copying).run()

    async def _within_limits(self, call: Call, target: Target, admitted: Admitted) -> Admitted:
        if (unasked := call.ctx.unasked) is not None:
            return await self._limits.take(call, target, admitted, unasked)
        if call.ctx.priced_only and admitted.meaning == "unknown" and target.vendor is not None:
            raise unpriced_call()
        return admitted
