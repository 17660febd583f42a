"""Limits and budgets: what an object may use, and how a request asks the limiter for its share.

Money is nano-dollars, times are Unix seconds, rates are per minute. None is no limit; 0 lets nothing through.
"""

from typing import Literal

import msgspec

Measure = Literal["requests", "tokens", "parallel", "budget"]
"""What a limit counts. `budget` is money."""


class ModelLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an object may use of one model."""

    rpm: int | None = None
    tpm: int | None = None
    max_budget: int | None = None
    budget_duration: str = ""


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an object may use: part of every record of a key, user, team, member, organization, customer or budget."""

    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None
    max_budget: int | None = None
    soft_budget: int | None = None
    """Past it an event and a header say so; nothing is refused."""
    budget_duration: str = ""
    """The period of the budget, such as `30d` or `1mo`; empty for one that never resets."""
    budget_since: float = 0.0
    """When the budget's first period began; periods that the calendar does not fix are counted from it."""
    models: dict[str, ModelLimits] = {}
    """By model group."""
    extra_budget: int = 0
    """A temporary increase of `max_budget`."""
    extra_until: float = 0.0


def merged(own: Limits, further: Limits) -> Limits:
    """Return limits of which an object's own win, field by field; a budget's amount and period stay together."""
    money = own if own.max_budget is not None else further
    return Limits(
        rpm=own.rpm if own.rpm is not None else further.rpm,
        tpm=own.tpm if own.tpm is not None else further.tpm,
        parallel=own.parallel if own.parallel is not None else further.parallel,
        max_budget=money.max_budget,
        soft_budget=own.soft_budget if own.soft_budget is not None else further.soft_budget,
        budget_duration=money.budget_duration if money.max_budget is not None else own.budget_duration,
        budget_since=own.budget_since,
        models={**further.models, **own.models},
        extra_budget=own.extra_budget,
        extra_until=own.extra_until,
    )


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scope in which a request counts, with the limits that hold there now.

    The limiter knows no configuration: whoever asks says what holds, so a change counts from the next question on.
    """

    scope: str
    """By `shared.schemas.scopes.Scope.text`."""
    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None
    budget: int | None = None
    """What may be spent in the period, temporary increases included."""
    soft: int | None = None
    since: float = 0.0
    """When the budget's current period began; 0 where it never resets."""
    until: float = 0.0
    """When it ends; 0 where it never does."""


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """May this request begin? All of its scopes are taken together, or none. A repeat gets the same answer."""

    id: str
    """The request id."""
    owner: str
    """The edge that holds the client, as `service.worker`; its death gives back the slots."""
    deadline: float
    quotas: tuple[Quota, ...]
    tokens: int = 0
    """Estimated tokens, for `tpm`."""
    cost: int = 0
    """The upper bound of its cost, held until the real one is known."""
    wait: float = 0.0
    """Seconds that it may wait for its turn instead of being refused; 0 for an answer at once."""
    tenant: str = ""
    """Whose turn it is: those who wait are served in fair order between tenants, and none fills the tables alone."""

    @property
    def length(self) -> int:
        """About how many characters it has as JSON; a scope's id may have hundreds of four bytes each."""
        return 200 + len(self.tenant) + sum(100 + len(quota.scope) for quota in self.quotas)


class Unasked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the limiter is still to be asked for a native request, by whoever sends it on.

    How large it may become, and for which model, stands in a body that only that process reads.
    """

    quotas: tuple[Quota, ...]
    by_model: dict[str, tuple[Quota, ...]] = {}
    """Further quotas, by the models that have limits of their own."""
    wait: float = 0.0
    tenant: str = ""

    @property
    def length(self) -> int:
        """About how many characters it has as JSON."""
        models = sum(len(name) + 10 for name in self.by_model)
        every = (self.quotas, *self.by_model.values())
        return 100 + models + sum(100 + len(quota.scope) for quotas in every for quota in quotas)


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request may not begin."""

    scope: str
    measure: Measure
    limit: int
    used: int
    """Requests or tokens of the window, slots taken, or nano-dollars spent in the period."""
    held: int = 0
    """Nano-dollars held by requests in flight; a budget refused by holds alone frees itself."""
    retry_after: float | None = None
    """Seconds after which a client that is alone gets through; None where waiting does not help."""


class Room(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tightest of the request's limits of one measure, for `x-ratelimit-*` headers."""

    limit: int
    remaining: int
    reset: float
    """Seconds until the window has its whole room again if nobody asks."""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The limiter's answer to one question."""

    id: str
    refusal: Refusal | None = None
    requests: Room | None = None
    tokens: Room | None = None
    soft: tuple[str, ...] = ()
    """Scopes that are past their soft budget."""
    full: bool = False
    """The limiter's tables are full: neither admitted nor refused by a limit; come again later."""
    failed: bool = False
    """The question cannot be decided, which is a fault; asking it again does not help."""

    @classmethod
    def of_fault(cls, id: str) -> "Verdict":
        """Return the answer to a question that cannot be decided.

        It is `full` as well: readers that do not know `failed` must not take it for an admission.
        """
        return cls(id, full=True, failed=True)


class Settled(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request really used; replaces its hold and its estimate, in whatever order it comes with its release."""

    id: str
    tokens: int
    cost: int
    at: float = 0.0
    """When the completion ended, as its event says: the budget's period in which it counts. 0 means now. It is sent
    only once the event is stored."""
    estimated: bool = False
    """True where it gives way in the ledger to the real one, should that come."""


class Released(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request is over: its parallel slots are free."""

    id: str
    sent: bool
    """False when no provider was called: then its hold is free too. Otherwise the hold stays as estimated spend
    until it is settled."""


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one process has for the limiter at one moment; answered by `TurnAnswered` once it is in the journal.

    What is not answered is sent again, under a new number: everything in it is idempotent by request id.
    """

    sender: str = ""
    """Who hears the answer, as `service.worker`."""
    number: int = 0
    """Counted up by each sender."""
    asks: tuple[Ask, ...] = ()
    settled: tuple[Settled, ...] = ()
    released: tuple[Released, ...] = ()


class TurnAnswered(msgspec.Struct, frozen=True, omit_defaults=True):
    """The limiter's answers to one process.

    A question without a verdict waits for its turn, or for its budget to be read from the ledger; its verdict comes
    by a further answer.
    """

    verdicts: tuple[Verdict, ...] = ()
    done: tuple[int, ...] = ()
    """Numbers of the turns that stand in the journal; their questions have a verdict, or are known to wait."""


class Admitted(msgspec.Struct, frozen=True, omit_defaults=True):
    """That a request holds something at the limiter, and what its caller is told about it.

    It travels with the request, and back to the edge in the answer's first frame: the edge owns the lease.
    """

    requests: Room | None = None
    tokens: Room | None = None
    soft: tuple[str, ...] = ()
    """Kinds of scopes that are past their soft budget."""
