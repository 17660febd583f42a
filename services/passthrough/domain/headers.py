"""The headers of the request to the provider, and of its answer to the caller."""

from services.passthrough.domain.addresses import rewritten_location
from services.passthrough.domain.targets import Target
from shared.wire.headers import Headers, end_to_end

_OF_THE_ORIGIN = frozenset({"set-cookie", "set-cookie2", "alt-svc", "strict-transport-security", "clear-site-data"})
"""What a provider says about its own host; under Tollway's name it would be said about Tollway."""

_OURS = ("access-control-", "x-tollway-", "x-litellm-")
"""CORS is a setting of the edge, and figures about a request are Tollway's own."""


def request_headers(target: Target, headers: Headers, *, keep_length: bool) -> Headers:
    """Return the headers for the provider: the caller's, with the target's own in their place.

    `keep_length` is for a body that is still arriving; the length of one that is here is counted anew.
    """
    replaced = {name.lower() for name, _ in target.headers} | target.dropped
    if not keep_length:
        replaced.add("content-length")
    kept = tuple((name, value) for name, value in headers if name.lower() not in replaced)
    present = {name.lower() for name, _ in kept}
    defaults = tuple((name, value) for name, value in target.defaults if name not in present)
    return kept + defaults + target.headers


def answer_headers(target: Target, headers: Headers) -> Headers:
    """Return the headers for the caller, as they came but for those of the connection and of the origin."""
    answer = []
    for name, value in end_to_end(headers):
        lower = name.lower()
        if lower in _OF_THE_ORIGIN or lower.startswith(_OURS):
            continue
        answer.append((name, rewritten_location(target, value) if lower == "location" else value))
    return tuple(answer)
