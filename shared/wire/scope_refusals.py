"""From a limiter's refusal to the error that a caller sees: which limit, what stands there, when it gets through."""

from shared.errors import BudgetExceeded, RateLimited, TollwayError
from shared.pricing.money import to_dollars
from shared.schemas.limits import Refusal, Verdict
from shared.schemas.scopes import SEPARATOR, Scope
from shared.wire.limit_refusals import rate_sentence, refusal_headers, wait_words

_NAMES = {
    "key": "this API key",
    "user": "this user",
    "team": "this team",
    "member": "this member of the team",
    "organization": "this organization",
    "customer": "this end user",
}


def error_of(refusal: Refusal, verdict: Verdict, budget_status: int) -> TollwayError:
    """Return the error; ids other than a model's name stay out of it, for the caller may not know them."""
    headers = refusal_headers(refusal, verdict)
    who = _named(Scope.parse(refusal.scope))
    if refusal.measure != "budget":
        return RateLimited(rate_sentence(refusal, who), retry_after=refusal.retry_after, headers=headers)
    if refusal.used >= refusal.limit:
        spent, most = _dollars(refusal.used), _dollars(refusal.limit)
        return BudgetExceeded(
            f"Budget has been exceeded! Current cost: {spent}, Max budget: {most}. It is the budget of {who}.",
            status=budget_status,
            retry_after=refusal.retry_after,
            headers=headers,
        )
    return RateLimited(
        f"What is left of the budget of {who} is held by its requests in flight.{wait_words(refusal.retry_after)}",
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
