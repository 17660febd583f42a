"""Every error that a caller can see.

::

    TollwayError                      code                     status  a retry helps
    ├── InvalidRequest                invalid_request          400     no
    │   ├── BodyTooLarge              request_too_large        413     no
    │   ├── UnsupportedMediaType      unsupported_media_type   415     no
    │   ├── MethodNotAllowed          method_not_allowed       405     no
    │   ├── BlockedContent            content_blocked          400     no
    │   └── Conflict                  conflict                 409     no
    ├── Unauthenticated               invalid_api_key          401     no
    ├── Forbidden                     permission_denied        403     no
    ├── NotFound                      not_found                404     no
    │   └── ModelNotFound             model_not_found          404     no
    ├── BudgetExceeded                budget_exceeded          400     no
    ├── RateLimited                   rate_limit_exceeded      429     after `retry_after` seconds
    │   └── Overloaded                overloaded               503     after `retry_after` seconds
    ├── Unavailable                   unavailable              503     after `retry_after` seconds
    ├── DeadlinePassed                deadline_exceeded        504     yes
    ├── ClientGone                    client_closed_request    499     no (nobody is left to read it)
    ├── ProviderError                 provider_error           the provider's own, 502 when it gave none
    │   ├── ProviderUnreachable       provider_unreachable     502     yes
    │   ├── ProviderTimeout           provider_timeout         504     yes
    │   └── BrokenStream              stream_interrupted       502     yes
    ├── WorkerLost                    worker_lost              502     yes
    └── InternalError                 internal_error           500     yes
"""

from typing import ClassVar

import msgspec


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as it travels over the bus; a service at the far end can render it in any dialect."""

    status: int
    code: str
    type: str
    message: str
    param: str | None = None
    retry_after: float | None = None
    """Seconds after which the same request may succeed; None where waiting does not help."""
    provider_body: str | None = None
    """The provider's own answer as JSON, kept for callers of the same dialect."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the answer that say more, such as `x-ratelimit-*`."""


class TollwayError(Exception):
    """The root: an outcome with a status, a code and a sentence that is safe to show to the caller."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "api_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        status: int | None = None,
        code: str | None = None,
        type: str | None = None,
        provider_body: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self._status = status
        self._code = code
        self._type = type
        self._provider_body = provider_body
        self._headers = headers
        self.reason = ""
        """Why, for the log alone: nothing of a request or of a provider's text."""

    def tell(self, *headers: tuple[str, str]) -> None:
        """Add headers to the answer; one that the error has already stays."""
        known = {name for name, _ in self._headers}
        self._headers += tuple(header for header in headers if header[0] not in known)

    def to_body(self) -> ErrorBody:
        """Return the error as the message that crosses the bus."""
        return ErrorBody(
            status=self._status or self.status,
            code=self._code or self.code,
            type=self._type or self.type,
            message=self.message,
            param=self.param,
            retry_after=self.retry_after,
            provider_body=self._provider_body,
            headers=self._headers,
        )


class InvalidRequest(TollwayError):
    """The request itself is wrong; `param` names the field where one is to blame."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class BodyTooLarge(InvalidRequest):
    """The body is larger than the edge's limit."""

    status = 413
    code = "request_too_large"


class UnsupportedMediaType(InvalidRequest):
    """The content type or encoding is not one that the route reads."""

    status = 415
    code = "unsupported_media_type"


class MethodNotAllowed(InvalidRequest):
    """The path exists, the method on it does not."""

    status = 405
    code = "method_not_allowed"


class BlockedContent(InvalidRequest):
    """A guardrail stopped the request or the answer; the message names the guardrail."""

    code = "content_blocked"


class Conflict(InvalidRequest):
    """The object exists already, or is held by something else."""

    status = 409
    code = "conflict"


class Unauthenticated(TollwayError):
    """No key, or one that does not exist or no longer works."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class Forbidden(TollwayError):
    """The caller is known and may not do this."""

    status = 403
    code = "permission_denied"
    type = "permission_error"


class NotFound(TollwayError):
    """Nothing by that name, as far as this caller may know."""

    status = 404
    code = "not_found"
    type = "not_found_error"


class ModelNotFound(NotFound):
    """No model group by that name."""

    code = "model_not_found"


class BudgetExceeded(TollwayError):
    """Spend alone is over the budget."""

    status = 400
    code = "budget_exceeded"
    type = "budget_exceeded"


class RateLimited(TollwayError):
    """A limit refused; `retry_after` says when it will not."""

    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"


class Overloaded(RateLimited):
    """A stage is at its bound and sheds load at once, rather than let the caller time out."""

    status = 503
    code = "overloaded"
    type = "overloaded_error"


class Unavailable(TollwayError):
    """Something that is needed cannot be asked right now."""

    status = 503
    code = "unavailable"
    type = "api_error"


class DeadlinePassed(TollwayError):
    """The request's one deadline is over."""

    status = 504
    code = "deadline_exceeded"
    type = "timeout_error"


class ClientGone(TollwayError):
    """The client went away; the status (nginx's 499) appears in metrics and the ledger only."""

    status = 499
    code = "client_closed_request"


class ProviderError(TollwayError):
    """The provider refused or failed; status and message are its own."""

    status = 502
    code = "provider_error"


class ProviderUnreachable(ProviderError):
    """No connection came about: the provider never saw the request."""

    code = "provider_unreachable"


class ProviderTimeout(ProviderError):
    """One of the five clocks ran out: connect, first byte, first token, between tokens, total."""

    status = 504
    code = "provider_timeout"
    type = "timeout_error"


class BrokenStream(ProviderError):
    """A stream ended before its end; what came so far is not the whole answer."""

    code = "stream_interrupted"


class WorkerLost(TollwayError):
    """The worker that held the request fell silent after the provider may have been called."""

    status = 502
    code = "worker_lost"


class InternalError(TollwayError):
    """A fault of Tollway itself; details are in the log under the request id, never in the answer."""
