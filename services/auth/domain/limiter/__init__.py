"""The limiter of requests, tokens, parallel requests and money: a pure state machine."""

from services.auth.domain.limiter.limiter import Limiter
from services.auth.domain.limiter.records import Needed, Record, TurnResult

__all__ = ["Limiter", "Needed", "Record", "TurnResult"]
