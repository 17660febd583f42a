"""Facts on the event plane, validated where they are stored. Times are Unix seconds, money is nano-dollars."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.errors import Dialect
from shared.pricing.usage import Usage
from shared.schemas.scopes import ScopeKind

Outcome = Literal["success", "failure", "cancelled", "interrupted", "lost"]

_Money = Annotated[int, Meta(ge=0, le=10**15)]
"""Nano-dollars, up to a million dollars: sums of it stay below what a database can hold."""

_Moment = Annotated[float, Meta(ge=0, le=253_402_300_799)]
"""Unix seconds, up to the end of the year 9999."""

_Status = Annotated[int, Meta(ge=0, le=999)]


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call to one deployment. `id` differs between attempts, so a second paid one is no repeat."""

    id: str
    deployment: str
    provider: str
    model: str
    started: _Moment
    ended: _Moment
    outcome: Outcome
    status: _Status = 0
    usage: Usage = Usage()
    cost: _Money = 0
    unpriced: bool = False
    price_version: str = ""


class Completion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request ended: what it used and cost over all of its attempts.

    A guardrail that stops an answer says so in an event of its own, without attempts, which is united with the
    router's.
    """

    request_id: Annotated[str, Meta(min_length=1, max_length=64)]
    route: str
    dialect: Dialect
    model_group: str
    outcome: Outcome
    status: _Status
    received: _Moment
    ended: _Moment
    error_code: str = ""
    stream: bool = False
    key: str = ""
    key_alias: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    end_user: str = ""
    label: str = ""
    client: str = ""
    tags: tuple[str, ...] = ()
    metadata: Annotated[str, Meta(max_length=4096)] = ""
    """What the caller said about the request, as JSON: data, which names nobody to bill."""
    attempts: Annotated[tuple[Attempt, ...], Meta(max_length=100)] = ()
    guardrails: tuple[str, ...] = ()
    blocked_by: str = ""
    """The guardrail that stopped the answer; empty where none did."""
    estimated: bool = False
    """True for a request whose worker died: a later event of the same request replaces it."""
    limited: bool = False
    """True where the limiter holds something for the request, until it is told what it used."""
    opening: str = ""
    """The one scope, by its text, for which this counts, and for nothing else: what was spent elsewhere, before."""
    group_exists: bool = False
    """True where the model group is one of the gateway's own, so that sums name it though nothing was used."""

    @property
    def is_verdict(self) -> bool:
        """True for what a guardrail alone says of an answer; what the answer used is in the router's event."""
        return bool(self.blocked_by) and not self.attempts

    @property
    def cost(self) -> int:
        """Nano-dollars over all attempts."""
        return sum(attempt.cost for attempt in self.attempts)

    @property
    def tokens(self) -> int:
        """Tokens of input and output over all attempts, as limits count them."""
        return sum(attempt.usage.prompt_tokens + attempt.usage.completion_tokens for attempt in self.attempts)


class CompletionsFinished(msgspec.Struct, frozen=True):
    """Completions that were at hand together, stored by one message (group commit)."""

    completions: Annotated[tuple[Completion, ...], Meta(min_length=1)]


class SoftBudgetReached(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a scope spent in its budget's period reached its soft budget; told once for each period and amount.

    Of the fields from `key` to `model_group` those are set that name the scope: team and user for a member, the model
    group beside the rest where the budget is one for a model.
    """

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    """The same however often it is found out; also the message's `Nats-Msg-Id`, and the end of its subject."""
    scope: ScopeKind
    soft_budget: int
    spent: int
    """In the period, when it was found out."""
    at: _Moment
    since: _Moment = 0.0
    """When the period began; 0 for a budget that never resets."""
    until: _Moment = 0.0
    """When it ends, where that is known."""
    key: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    end_user: str = ""
    model_group: str = ""


_encode = msgspec.json.Encoder().encode


def encode_completion(completion: Completion) -> bytes:
    """Return the event as `shared.bus.group_commit.EventWriter` takes it."""
    return _encode(completion)


def encode_soft_budget(reached: SoftBudgetReached) -> bytes:
    """Return the event as `shared.bus.announcements.Announcements` takes it."""
    return _encode(reached)
