"""The headers that Tollway adds to answers."""

import math
from collections.abc import Mapping

from multidict import CIMultiDict

from shared.errors import ErrorBody
from shared.pricing.money import to_dollars
from shared.schemas.frames import Ending, Opening
from shared.schemas.limits import Admitted
from shared.wire.attempt_headers import attempt_headers
from shared.wire.limit_headers import room_headers


def id_headers(request_id: str, label: str) -> dict[str, str]:
    """Return the headers that name a request: `x-request-id` is the client's own label where it gave one.

    Anthropic's SDK reads the same from `request-id`.
    """
    return {
        "x-request-id": label or request_id,
        "x-tollway-request-id": request_id,
        "x-litellm-call-id": request_id,
        "request-id": label or request_id,
        "server": "tollway",
    }


def answer_headers(ours: Mapping[str, str], theirs: tuple[tuple[str, str], ...]) -> CIMultiDict[str]:
    """Return all headers of an answer: what its producer says wins, as often as it says it."""
    headers = CIMultiDict(theirs)
    for name, value in ours.items():
        headers.setdefault(name, value)
    return headers


def opening_headers(opening: Opening, seconds: float) -> dict[str, str]:
    """Return what is known when an answer of several frames begins; `seconds` is the request's duration until then."""
    if opening.ending is not None:
        return ending_headers(opening.ending, seconds)
    return dict(attempt_headers(opening.deployment, opening.attempts)) if opening.attempts else {}


def ending_headers(ending: Ending, seconds: float) -> dict[str, str]:
    """Return what is known at the end of an answer; `seconds` is the whole request's duration."""
    if not ending.attempts:
        return {}
    overhead = max(0.0, seconds - ending.provider_seconds) * 1000
    headers = dict(attempt_headers(ending.deployment, ending.attempts))
    headers["x-tollway-overhead-ms"] = f"{overhead:.2f}"
    if ending.unpriced:
        headers["x-tollway-unpriced"] = "true"
    else:
        cost = repr(to_dollars(ending.cost))
        headers |= {"x-tollway-cost": cost, "x-litellm-response-cost": cost}
    return headers


def limit_headers(admitted: Admitted | None) -> dict[str, str]:
    """Return what a caller with limits is told about them; nothing for one without."""
    if admitted is None:
        return {}
    headers = room_headers(admitted.requests, admitted.tokens)
    if admitted.soft:
        headers["x-tollway-soft-budget-exceeded"] = ", ".join(admitted.soft)
    return headers


def error_headers(error: ErrorBody) -> dict[str, str]:
    """Return the error's own headers, and `Retry-After` in whole seconds, rounded up, where waiting helps."""
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return headers
