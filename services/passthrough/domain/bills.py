"""What is told of a call when it is over: usage, cost, and the completion event."""

from dataclasses import dataclass

import msgspec

from services.passthrough.domain.operations import Meaning
from services.passthrough.domain.targets import Target
from shared.pricing.prices import Cost, Price
from shared.pricing.usage import Usage
from shared.schemas.completions import completion_of
from shared.schemas.context import Principal, RequestContext
from shared.schemas.events import Attempt, Completion, Outcome

NOTHING = Cost(0, unpriced=False, version="")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a call ended."""

    outcome: Outcome
    status: int
    """As the caller saw it, or would have seen it."""
    ended: float
    answered: int = 0
    """The status that the provider gave; 0 when it gave none."""
    code: str = ""
    stream: bool = False
    awaited: bool = False
    """True where the provider was silent when nobody waited for it any longer: it may go on with what it was sent."""

    @property
    def served(self) -> bool:
        """True when the provider took the request."""
        return 0 < self.answered < 400


def billed_model(named: str, told: str, *, certain: bool, priced: bool) -> str:
    """Return the model that is billed: as the caller named it, or as the answer told it, which may be `priced`.

    A name that is certain has the price that was promised; an answer often tells a dated edition of it. Where the
    caller may have named another one in what was not read, the answer's counts if it has a price.
    """
    return named if named and (certain or not priced) else told


def beyond(reported: Usage, written: int) -> Usage:
    """Return what a cut stream used: what it reported, and what came of its text beyond that."""
    known = reported.output + reported.reasoning
    return msgspec.structs.replace(reported, output=reported.output + max(0, written - known), estimated=True)


def in_doubt(usage: Usage) -> Usage:
    """Return a usage whose price is only an upper bound, since nobody said for certain of which model it is."""
    return msgspec.structs.replace(usage, estimated=True)


def cost_of(target: Target, meaning: Meaning, usage: Usage | None, price: Price, started: float, end: Finished) -> Cost:
    """Return what a call cost; what may have cost something that nobody told is `unpriced`."""
    if usage is not None:
        return price.cost(usage, started)
    if not end.served:
        return NOTHING
    if target.vendor is None and target.cost_per_request is not None:
        return Cost(target.cost_per_request, unpriced=False, version="cost_per_request")
    return Cost(0, unpriced=meaning != "free", version="")


def attempt_of(
    attempt: str, target: Target, model: str, usage: Usage | None, cost: Cost, started: float, end: Finished
) -> Attempt:
    """Return the one attempt of a pass-through request."""
    return Attempt(
        id=attempt,
        deployment=target.name,
        provider=target.provider,
        model=model,
        started=started,
        ended=end.ended,
        outcome=end.outcome,
        status=end.answered or end.status,
        usage=usage or Usage(),
        cost=cost.nano,
        unpriced=cost.unpriced,
        price_version=cost.version,
    )


def bill_of(ctx: RequestContext, who: Principal, attempt: Attempt, end: Finished) -> Completion:
    """Return the completion event, shaped as on every other route."""
    return completion_of(
        ctx,
        who,
        (attempt,),
        end.outcome,
        end.status,
        end.ended,
        error_code=end.code,
        stream=end.stream,
        model_group=attempt.model,
    )
