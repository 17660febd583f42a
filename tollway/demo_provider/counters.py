"""What the demo provider sold and to whom, in bounded memory."""

import time
from collections import OrderedDict, deque
from typing import Any, Literal

import msgspec

Outcome = Literal["open", "finished", "cancelled", "error", "cut"]

KEPT_CALLS = 1_000
KEPT_MODELS = 256
KEPT_NONCES = 20_000
OTHER_MODELS = "(other)"


class Call(msgspec.Struct, omit_defaults=False):
    """One accepted call: times are Unix seconds, tokens are those sent so far."""

    id: str
    dialect: str
    model: str
    stream: bool
    nonce: str | None
    started: float
    ended: float | None = None
    outcome: Outcome = "open"
    input_tokens: int = 0
    output_tokens: int = 0


class Sold(msgspec.Struct):
    """Figures summed over calls."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Counters:
    """Every figure since the start or the last reset."""

    def __init__(self) -> None:
        self._serial = 0
        self._boot = f"{time.time_ns():x}"
        self.reset()

    def reset(self) -> None:
        """Forget everything but the calls still running, which end without being counted."""
        self.requests = 0
        self.refused = 0
        self.misbehaved: OrderedDict[str, int] = OrderedDict()
        self._started = 0
        self._ended: dict[Outcome, int] = {"finished": 0, "cancelled": 0, "error": 0, "cut": 0}
        self._total = Sold()
        self._models: dict[str, Sold] = {}
        self._nonces: OrderedDict[str, int] = OrderedDict()
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._open: dict[str, Call] = {}

    def new_id(self) -> str:
        """Return an id that no other answer has."""
        self._serial += 1
        return f"{self._boot}{self._serial:08x}"

    def begin(self, call_id: str, dialect: str, model: str, *, stream: bool = False, nonce: str | None = None) -> Call:
        """Count a call as started."""
        call = Call(call_id, dialect, model, stream, nonce, time.time())
        self._started += 1
        self._open[call.id] = call
        self._calls.append(call)
        self._model(model).calls += 1
        if nonce is not None:
            self._count_nonce(nonce)
        return call

    def sell(self, call: Call, input_tokens: int, output_tokens: int) -> None:
        """Count tokens as sold to a call, when the bytes that carry them were sent."""
        call.input_tokens += input_tokens
        call.output_tokens += output_tokens
        if call.id in self._open:
            for sold in (self._total, self._model(call.model)):
                sold.input_tokens += input_tokens
                sold.output_tokens += output_tokens

    def end(self, call: Call, outcome: Outcome) -> None:
        """Count a call as over; only the first outcome of a call counts."""
        if call.outcome != "open":
            return
        call.outcome = outcome
        call.ended = time.time()
        if self._open.pop(call.id, None) is not None:
            self._ended[outcome] += 1

    def is_fault_due(self, key: str, first: int) -> bool:
        """Say whether this request is among the first so many with the same key, and count it."""
        seen = self.misbehaved.pop(key, 0)
        self.misbehaved[key] = seen + 1
        if len(self.misbehaved) > KEPT_MODELS:
            self.misbehaved.popitem(last=False)
        return seen < first

    def stats(self) -> dict[str, Any]:
        """Return all sums."""
        return {
            "requests": self.requests,
            "refused": self.refused,
            "calls": {"started": self._started, **self._ended, "open": len(self._open)},
            "tokens": {"input": self._total.input_tokens, "output": self._total.output_tokens},
            "models": self._models,
            "nonces": {
                "distinct": len(self._nonces),
                "repeated": {nonce: count for nonce, count in self._nonces.items() if count > 1},
            },
        }

    def calls(self, limit: int, nonce: str | None = None) -> list[Call]:
        """Return the last calls, newest first."""
        newest = [call for call in reversed(self._calls) if nonce is None or call.nonce == nonce]
        return newest[:limit]

    def _model(self, model: str) -> Sold:
        sold = self._models.get(model)
        if sold is None:
            name = model[:200] if len(self._models) < KEPT_MODELS else OTHER_MODELS
            sold = self._models.setdefault(name, Sold())
        return sold

    def _count_nonce(self, nonce: str) -> None:
        self._nonces[nonce] = self._nonces.pop(nonce, 0) + 1
        if len(self._nonces) > KEPT_NONCES:
            self._nonces.popitem(last=False)
