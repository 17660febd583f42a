"""From a limiter's refusal to the error that a caller sees: which limit, what stands there, when it gets through."""

import math

from shared.errors import BudgetExceeded, RateLimited, TollwayError
from shared.pricing.money import to_dollars
from shared.schemas.limits import Measure, Refusal, Verdict
from shared.schemas.scopes import SEPARATOR, Scope
from shared.wire.limit_headers import room_headers

_UNITS: dict[Measure, str] = {
    "requests": "requests per minute",
    "tokens": "tokens per minute",
    "parallel": "requests at a time",
}

_NAMES = {
    "key": "this API key",
    "user": "this user",
    "team": "this team",
    "member": "this member of the team",
    "organization": "this organization",
    "customer": "this end user",
    "deployment": "this deployment",
    "model_group": "this model",
}


def error_of(refusal: Refusal, verdict: Verdict, budget_status: int) -> TollwayError:
    """Return the error; ids other than a model's name stay out of it, for the caller may not know them."""
    headers = (
        *room_headers(verdict.requests, verdict.tokens).items(),
        ("x-tollway-limit-scope", Scope.parse(refusal.scope).kind),
        ("x-tollway-limit-measure", refusal.measure),
    )
    who = _named(Scope.parse(refusal.scope))
    if refusal.measure != "budget":
        return RateLimited(
            f"The limit of {refusal.limit} {_UNITS[refusal.measure]} of {who} is reached.{_wait(refusal.retry_after)}",
            retry_after=refusal.retry_after,
            headers=headers,
        )
    if refusal.used >= refusal.limit:
        spent, most = _dollars(refusal.used), _dollars(refusal.limit)
        return BudgetExceeded(
            f"Budget has been exceeded! Current cost: {spent}, Max budget: {most}. It is the budget of {who}.",
            status=budget_status,
            retry_after=refusal.retry_after,
            headers=headers,
        )
    return RateLimited(
        f"What is left of the budget of {who} is held by its requests in flight.{_wait(refusal.retry_after)}",
        code="budget_held",
        retry_after=refusal.retry_after,
        headers=headers,
    )


def _named(scope: Scope) -> str:
    if scope.kind in _NAMES:
        return _NAMES[scope.kind]
    model = scope.id.rpartition(SEPARATOR)[2]
    return f"{_NAMES[scope.kind.removesuffix('_model')]} for the model '{model}'"


def _dollars(nano: int) -> str:
    """Return dollars in plain digits; a float would print small amounts as `1e-05`."""
    whole, _, fraction = f"{to_dollars(nano):.9f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def _wait(seconds: float | None) -> str:
    return "" if seconds is None else f" Try again in {max(1, math.ceil(seconds))} s."
