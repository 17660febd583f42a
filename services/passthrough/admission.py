"""What is decided before a provider is called: the address, and whether the key may use the model."""

from dataclasses import dataclass

from services.passthrough.domain.access import check_models, looks_like_json, model_of, models_named
from services.passthrough.domain.addresses import provider_url, remainder_of
from services.passthrough.domain.form_models import FormModels, models_of_form
from services.passthrough.domain.forms import read_form
from services.passthrough.domain.operations import Meaning, meaning_of, model_in_path, operation_of
from services.passthrough.domain.targets import Target
from services.passthrough.outgoing import ArrivingBody, Outgoing, WholeBody
from shared.bus.bodies import BodyReader
from shared.bus.stage import Call
from shared.errors import BodyTooLarge, Forbidden
from shared.offload import Offload
from shared.schemas.context import Principal, RequestContext
from shared.wire.headers import value_of

MAX_MODEL = 256
"""Letters of a model's name that are kept for prices and the ledger."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may be sent."""

    url: str
    body: Outgoing
    meaning: Meaning
    model: str
    """As the path or the body names it; empty where neither does."""
    certain: bool = True
    """False where the body may name another model in what was not read of it."""
    input: int | None = None
    """Tokens of text, where they were counted."""
    form: FormModels | None = None
    """What a form names while it goes by; None for what is no form, or has its model in the path."""


class Admission:
    """Reads what a decision needs of a request, and no more."""

    def __init__(self, bodies: BodyReader, offload: Offload, max_body_bytes: int) -> None:
        self._bodies = bodies
        self._offload = offload
        self._max_body_bytes = max_body_bytes

    async def admit(self, call: Call, target: Target, principal: Principal) -> Admitted:
        """Return the request as it may be sent; raise `InvalidRequest`, `Forbidden` or `BodyTooLarge`."""
        ctx = call.ctx
        url = provider_url(target, ctx.path, ctx.query)
        operation = operation_of(remainder_of(target, ctx.path))
        named = model_in_path(operation) if target.vendor is not None else ""
        meaning: Meaning = "unknown" if target.vendor is None else meaning_of(target.vendor, ctx.method, operation)
        body: Outgoing = WholeBody(call.inline or b"") if ctx.body is None else ArrivingBody(self._bodies, ctx.body)
        if principal.restricted:
            check_models(principal, (named,) if named else (), target.vendor)
            body = await self._checked(ctx, body, principal, target.vendor)
            if not named and target.vendor is not None and meaning != "free":
                body = await self._checked_form(ctx, body, principal, target.vendor)
        if is_form(ctx):
            form = await self._watched(ctx, body) if meaning == "metered" and not named else None
            return Admitted(url, body, meaning, named[:MAX_MODEL], certain=bool(named), input=0, form=form)
        if not named and isinstance(body, WholeBody):
            named = await self._offload.run(model_of, body.data)
        return Admitted(url, body, meaning, named[:MAX_MODEL])

    async def _watched(self, ctx: RequestContext, body: Outgoing) -> FormModels:
        """Return what sees the models of a form, now or as it goes by; raise `InvalidRequest` where there are two."""
        content_type = value_of(ctx.headers, "content-type")
        if isinstance(body, WholeBody):
            return await self._offload.run(models_of_form, body.data, content_type)
        form = FormModels(content_type)
        body.watch = form.feed
        return form

    async def _checked(self, ctx: RequestContext, body: Outgoing, principal: Principal, vendor: str | None) -> Outgoing:
        """Return the body once the models that it names are known to be allowed."""
        body = await whole_json(ctx, body, self._max_body_bytes, "from a key that is limited to models")
        if isinstance(body, WholeBody) and body.data and _may_be_json(ctx, body.data):
            check_models(principal, await self._offload.run(models_named, body.data), vendor)
        return body

    async def _checked_form(self, ctx: RequestContext, body: Outgoing, principal: Principal, vendor: str) -> Outgoing:
        """Return a form, whole, once the model that it names is known to be allowed; anything else as it is."""
        if not is_form(ctx):
            return body
        data = body.data if isinstance(body, WholeBody) else await body.collect(self._max_body_bytes)
        if data is None:
            raise BodyTooLarge(f"A form from a key that is limited to models has {self._max_body_bytes} bytes at most.")
        if data:
            form = await self._offload.run(read_form, data, value_of(ctx.headers, "content-type"))
            if not form.is_certain_of("model"):
                raise Forbidden(
                    "This API key is limited to models, and readers of this form could see different ones.",
                    param="model",
                    code="model_not_allowed",
                )
            check_models(principal, (form.fields["model"],) if "model" in form.fields else (), vendor)
        return WholeBody(data)


async def whole_json(ctx: RequestContext, body: Outgoing, limit: int, whose: str) -> Outgoing:
    """Return the body, whole where it is JSON; raise `Forbidden` where it is compressed, `BodyTooLarge` past `limit`.

    JSON is held within the limit of every other route. What does not begin as JSON does, forms above all, goes through
    unread; compressed, nobody could tell.
    """
    beginning = await body.peek() if isinstance(body, ArrivingBody) else body.data
    if not beginning:
        return body
    if value_of(ctx.headers, "content-encoding", "identity").lower() != "identity":
        raise Forbidden(f"Compressed bodies {whose} are not taken here.")
    if isinstance(body, WholeBody) or not _may_be_json(ctx, beginning):
        return body
    data = await body.collect(limit)
    if data is None:
        raise BodyTooLarge(f"A JSON body {whose} has {limit} bytes at most.")
    return WholeBody(data)


def is_form(ctx: RequestContext) -> bool:
    """Tell whether the body is a form of several parts, by its type."""
    return value_of(ctx.headers, "content-type").lower().startswith("multipart/")


def _may_be_json(ctx: RequestContext, beginning: bytes) -> bool:
    content_type = value_of(ctx.headers, "content-type")
    if content_type.lower().startswith("multipart/"):
        content_type = ""  # a form begins with its boundary, whatever stands in the type
    return looks_like_json(content_type, beginning)
