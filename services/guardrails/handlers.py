"""Checks a request and passes it on; stays on its way back where the answer must be checked, too."""

from collections.abc import Coroutine

import msgspec

from services.guardrails.domain.guardrail import Blocked, Guardrail
from services.guardrails.inspection import Inspection
from services.guardrails.relay import Relay
from services.guardrails.verdicts import Verdicts
from shared.bus.bodies import BodyShelf
from shared.bus.stage import Call, fits_inline, with_body
from shared.errors import Forbidden
from shared.routes import ROUTES
from shared.schemas.context import RequestContext

NEXT = "router"


class Guarding:
    """The stage's handler."""

    def __init__(self, inspection: Inspection, relay: Relay, shelf: BodyShelf, verdicts: Verdicts) -> None:
        self._inspection = inspection
        self._policy = inspection.policy
        self._names = inspection.policy.names
        self._relay = relay
        self._shelf = shelf
        self._verdicts = verdicts

    def guard(self, call: Call) -> Coroutine[None, None, None] | None:
        """Pass the request on, checked, or raise why not; a coroutine where it is large or its answer is checked."""
        ctx = call.ctx
        if ctx.wanted_guardrails:
            self._check_wanted(ctx)
        if not self._names or not ROUTES[ctx.route].policy.guardrails:
            call.forward(NEXT, ctx)
            return None
        ctx = msgspec.structs.replace(ctx, guardrails=self._names)
        body = call.inline
        if self._policy.pre_call:
            body = None if body is None else self._checked(call, body)
            if body is None:
                return self._guard_elsewhere(call, ctx)
        if self._output(ctx):
            return self._relay.answer(call, ctx, body)
        call.forward(NEXT, ctx, body)
        return None

    def _check_wanted(self, ctx: RequestContext) -> None:
        """Refuse a request whose key or team asks for a guardrail that there is not: unchecked it must not go on."""
        missing = [name for name in ctx.wanted_guardrails if name not in self._names]
        if missing and ROUTES[ctx.route].policy.guardrails:
            raise Forbidden(
                f"The guardrail '{missing[0]}', which this API key needs, is not configured.",
                code="guardrail_missing",
            )

    def _checked(self, call: Call, body: bytes) -> bytes | None:
        try:
            return self._inspection.request_at_once(body, call.ctx.dialect)
        except Blocked as verdict:
            self._verdicts.blocked(call.ctx.id, "request", verdict)
            raise

    async def _guard_elsewhere(self, call: Call, ctx: RequestContext) -> None:
        async with self._inspection.turn:
            body = await call.read_body()
            try:
                checked = await self._inspection.request(body, ctx.dialect)
            except Blocked as verdict:
                self._verdicts.blocked(call.ctx.id, "request", verdict)
                raise
        if checked is body:
            # Its answer may take long, and whoever reads the request fetches it from where it is kept.
            del body, checked
            await self._go_on(call, ctx, None)
            return
        del body
        if fits_inline(checked):
            await self._go_on(call, with_body(ctx, None), checked)
        else:
            await self._go_on_with_reference(call, ctx, checked)

    async def _go_on(self, call: Call, ctx: RequestContext, body: bytes | None) -> None:
        if self._output(ctx):
            await self._relay.answer(call, ctx, body)
        else:
            call.forward(NEXT, ctx, body)

    async def _go_on_with_reference(self, call: Call, ctx: RequestContext, body: bytes) -> None:
        """The rewritten body is here, and the router may ask for it again until the answer ended: so stay."""
        try:
            await self._relay.answer(call, with_body(ctx, self._shelf.keep(ctx.token, body)), b"")
        finally:
            self._shelf.drop(ctx.token)

    def _output(self, ctx: RequestContext) -> tuple[Guardrail, ...]:
        return self._policy.stream if ctx.stream else self._policy.post_call
