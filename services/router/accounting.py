"""What a request used, attempt by attempt, until it is one completion event."""

import time

import msgspec

from services.router.target import Target
from services.router.translate import Ask, OwnFields
from shared.pricing.estimate import estimate_output, estimated_usage
from shared.pricing.money import to_dollars
from shared.pricing.prices import Cost
from shared.pricing.usage import Usage
from shared.schemas.completions import completion_of
from shared.schemas.context import Principal, RequestContext
from shared.schemas.events import Attempt, Completion, Outcome
from shared.schemas.frames import Ending, Sent
from shared.telemetry.metrics import Metrics

BYTES_PER_TOKEN = 4
"""Bytes of a request's body for one token of input, for the figure that stands until the real one comes."""


NOTHING = Cost(0, unpriced=False, version="")
"""The cost of an attempt that used nothing."""


class OpenAttempt:
    """One call to one deployment, while it runs."""

    __slots__ = ("id", "started", "target")

    def __init__(self, target: Target, id: str) -> None:
        self.target = target
        self.id = id
        self.started = time.time()


class Account:
    """The books of one request."""

    def __init__(self, ctx: RequestContext, metrics: Metrics) -> None:
        self.ctx = ctx
        self._metrics = metrics
        self._attempts: list[Attempt] = []
        self.provider_seconds = 0.0
        self.own = OwnFields()

    @property
    def attempts(self) -> int:
        """How many attempts are over."""
        return len(self._attempts)

    @property
    def last_deployment(self) -> str:
        """The id of the deployment of the attempt that ended last."""
        return self._attempts[-1].deployment

    @property
    def attempt(self) -> int:
        """The number of the attempt that runs, from 1."""
        return len(self._attempts) + 1

    @property
    def last_tokens(self) -> int:
        """Tokens of input and output of the attempt that ended last."""
        usage = self._attempts[-1].usage
        return usage.prompt_tokens + usage.completion_tokens

    @property
    def next_id(self) -> str:
        """The id of the attempt that begins next: it follows from request, epoch and number, and no other has it."""
        return f"{self.ctx.id}-{self.ctx.epoch}-{self.attempt}"

    def begin(self, target: Target) -> OpenAttempt:
        """Begin an attempt."""
        return OpenAttempt(target, self.next_id)

    def notice(self, attempt: OpenAttempt, ask: Ask) -> Sent:
        """Return what the edge is told before a provider is called."""
        target = attempt.target
        tokens = len(ask.body) // BYTES_PER_TOKEN
        cost = target.cost(Usage(input=tokens, estimated=True), attempt.started)
        return Sent(
            self.ctx.token, attempt.id, target.id, target.provider.name, target.deployment.model,
            self.principal, tokens, cost.nano, cost.unpriced, cost.version, self.ctx.limited,
        )  # fmt: skip

    def close(self, attempt: OpenAttempt, outcome: Outcome, status: int, usage: Usage | None = None) -> Cost:
        """Note the end of an attempt, and return its cost; `usage` is None when nothing was used."""
        now = time.time()
        self.provider_seconds += now - attempt.started
        provider, group = attempt.target.provider.name, self.ctx.model
        self._metrics.attempt_ended(provider, outcome, now - attempt.started)
        if self._attempts:
            self._metrics.retried(provider)
        used = usage or Usage()
        cost = attempt.target.cost(used, attempt.started) if usage is not None else NOTHING
        if usage is not None:
            self._metrics.used(group, used)
            self._metrics.charged(group, cost.nano, unpriced=cost.unpriced)
        self._attempts.append(
            Attempt(
                id=attempt.id,
                deployment=attempt.target.id,
                provider=provider,
                model=attempt.target.deployment.model,
                started=attempt.started,
                ended=now,
                outcome=outcome,
                status=status,
                usage=used,
                cost=cost.nano,
                unpriced=cost.unpriced,
                price_version=cost.version,
            )
        )
        return cost

    def completion(self, outcome: Outcome, status: int, error_code: str = "") -> Completion:
        """Return the request's completion event."""
        return completion_of(
            self.ctx,
            self.principal,
            tuple(self._attempts),
            outcome,
            status,
            time.time(),
            error_code=error_code,
            stream=self.ctx.stream,
            model_group=self.ctx.model,
            end_user=self.own.end_user,
            tags=self.own.tags,
            metadata=self.own.metadata,
            # Deployments were found by it.
            group_exists=True,
        )

    def ending(self, completion: Completion) -> Ending:
        """Return what the edge tells the client, and the limiter, about a complete answer."""
        last = self._attempts[-1]
        return Ending(
            model=last.model,
            provider=last.provider,
            deployment=last.deployment,
            attempts=len(self._attempts),
            prompt_tokens=last.usage.prompt_tokens,
            completion_tokens=last.usage.completion_tokens,
            cost=sum(attempt.cost for attempt in self._attempts),
            unpriced=any(attempt.unpriced for attempt in self._attempts),
            provider_seconds=self.provider_seconds,
            ended=completion.ended,
        )

    @property
    def principal(self) -> Principal:
        """Who pays."""
        return self.ctx.principal or Principal("key_holder")


def told_cost(ending: Ending) -> float | None:
    """Return the dollars that a client is told, None where something has no price."""
    return None if ending.unpriced else to_dollars(ending.cost)


def partial_usage(reported: Usage | None, text: str, characters: int, input_tokens: int, model: str) -> Usage:
    """Return what a stream that ended early used: what was reported, and a count of what came beyond it.

    `text` is what was written, or the beginning of it; `characters` is the length of the whole.
    """
    output = estimate_output(text, model)
    if characters > len(text) > 0:
        output = round(output * characters / len(text))
    if reported is None:
        return estimated_usage(input_tokens, output)
    written = reported.output + reported.reasoning
    return msgspec.structs.replace(reported, output=reported.output + max(0, output - written), estimated=True)
