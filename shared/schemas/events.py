"""Facts on the event plane, validated where they are stored. Times are Unix seconds, money is nano-dollars."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.errors import Dialect
from shared.pricing.usage import Usage

Outcome = Literal["success", "failure", "cancelled", "interrupted", "lost"]

_NotNegative = Annotated[int, Meta(ge=0)]


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call to one deployment. `id` differs between attempts, so a second paid one is no repeat."""

    id: str
    deployment: str
    provider: str
    model: str
    started: float
    ended: float
    outcome: Outcome
    status: int = 0
    usage: Usage = Usage()
    cost: _NotNegative = 0
    unpriced: bool = False
    price_version: str = ""


class Completion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request ended: what it used and cost over all of its attempts."""

    request_id: Annotated[str, Meta(min_length=1, max_length=64)]
    route: str
    dialect: Dialect
    model_group: str
    outcome: Outcome
    status: int
    received: float
    ended: float
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
    attempts: tuple[Attempt, ...] = ()
    guardrails: tuple[str, ...] = ()
    estimated: bool = False
    """True for a request whose worker died: a later event of the same request replaces it."""

    @property
    def cost(self) -> int:
        """Nano-dollars over all attempts."""
        return sum(attempt.cost for attempt in self.attempts)


class CompletionsFinished(msgspec.Struct, frozen=True):
    """Completions that were at hand together, stored by one message (group commit)."""

    completions: Annotated[tuple[Completion, ...], Meta(min_length=1)]


_encode = msgspec.json.Encoder().encode


def encode_completion(completion: Completion) -> bytes:
    """Return the event as `shared.bus.group_commit.EventWriter` takes it."""
    return _encode(completion)
