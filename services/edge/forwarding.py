"""Provider-native requests: what of them goes on, and whether their body goes with the message or after it."""

from dataclasses import dataclass

import msgspec
from aiohttp import hdrs, web

from services.edge.domain.credentials import find_key
from services.edge.domain.natives import check_no_key_in_target, forwarded_headers, remainder_of, split_target
from services.edge.facts import RECEIVED
from services.edge.upload import ArrivingUpload
from shared.bus.bodies import INLINE_BYTES
from shared.errors import BodyTooLarge, InvalidRequest, MethodNotAllowed, NotFound
from shared.routes.passthrough import Endpoint
from shared.schemas.context import RequestContext
from shared.settings.server import ServerSettings
from shared.wire.headers import decoded

REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
"""TRACE would have the provider's key sent back to the caller; CONNECT asks for a tunnel."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A native request's body: whole, or still on its way."""

    body: bytes = b""
    upload: ArrivingUpload | None = None

    def may_repeat(self) -> bool:
        """Tell whether a stage could still read the body from its beginning."""
        return self.upload is None or not self.upload.begun


def as_it_came(
    request: web.Request, ctx: RequestContext, endpoint: Endpoint, settings: ServerSettings
) -> RequestContext:
    """Return the context with path, query and headers for the provider; raise what is wrong with them."""
    path, query = split_target(request.raw_path)
    if remainder_of(path, endpoint.path, subpaths=endpoint.include_subpath) is None:
        raise NotFound("There is no such path.")
    if request.method in REFUSED_METHODS or (endpoint.methods and request.method not in endpoint.methods):
        raise MethodNotAllowed(f"This path does not take {request.method}.")
    if "websocket" in request.headers.get(hdrs.UPGRADE, "").lower():
        raise InvalidRequest("WebSockets are not served on this path.", status=501, code="not_implemented")
    key = find_key(request.headers, settings.key_header)
    check_no_key_in_target(path, query, key)
    headers = forwarded_headers(decoded(request.raw_headers), key, settings.key_header)
    return msgspec.structs.replace(ctx, path=path, query=query, headers=headers)


async def arriving(request: web.Request, settings: ServerSettings) -> Arrival:
    """Return the request's body: a short one of known length is read, any other is left to arrive.

    JSON is read without a stated length, too: auth looks in it for the model, which has limits, and for the end user.
    """
    length = request.content_length
    if length is not None and length > settings.max_upload_bytes:
        raise BodyTooLarge(f"The request body is larger than {settings.max_upload_bytes} bytes.")
    if not request.can_read_body:
        return Arrival()
    upload = ArrivingUpload(request.content, settings.max_upload_bytes)
    end = request[RECEIVED] + settings.request_timeout
    if length is not None and length <= INLINE_BYTES:
        return Arrival(await upload.whole(end))
    if length is None and "json" in request.content_type:
        body = await upload.short(INLINE_BYTES, end)
        if body is not None:
            return Arrival(body)
    return Arrival(upload=upload)
