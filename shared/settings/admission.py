"""The sections about who may come in, and how much of them: keys, tokens, limits."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator

from shared.settings.jwt import JwtIssuer, check_issuers
from shared.settings.section import Section


class AuthSettings(Section):
    """Keys in the cache, what callers must say, and issuers of tokens."""

    cached_keys: int = Field(100_000, ge=1)
    """Keys that one worker remembers, at 3 KB each with their limits, and as many users, teams and so on; the one
    unused for longest goes first."""
    max_age_seconds: float = Field(300.0, gt=0)
    """So long does a cached key go on working while the store cannot be asked."""
    known_customers_only: bool = False
    """Refuse requests for an end user that was not made by `/customer/new`."""
    jwt: Annotated[tuple[JwtIssuer, ...], AfterValidator(check_issuers)] = ()
    """Issuers whose JWTs callers may send in place of a key."""
    cached_tokens: int = Field(20_000, ge=1)
    """Verified JWTs that one worker remembers; the one unused for longest goes first."""


class LimitSettings(Section):
    """Rate limits and budgets; `docs/limits.md` says what they mean."""

    window: Literal["sliding", "fixed"] = "sliding"
    """`sliding`: no 60 seconds hold more than the limit. `fixed`: no minute of the clock does."""
    window_seconds: int = Field(60, ge=1, le=3600)
    """Seconds in which `rpm` and `tpm` limits count, as LiteLLM's `LITELLM_RATE_LIMIT_WINDOW_SIZE`."""
    budget_exceeded_status: Literal[400, 422, 429] = 400
    """The status of a request over a budget; LiteLLM has used all three."""
    answer_seconds: float = Field(10.0, gt=0)
    """How long a request waits where its limits cannot be checked; then it gets 503."""
    time_zone: str = "UTC"
    """The IANA time zone by which budgets of days, weeks and months begin and end, such as `Europe/Berlin`."""
    allow_unpriced: bool = False
    """Let callers under a budget use models without a known price, which then count as free."""
    default_customer_budget: str = ""
    """The id of a budget that holds for each end user who has none, stored or not."""
    user_budget_on_team_keys: bool = False
    """Hold users to their own budget on keys of their teams, too; LiteLLM's `apply_user_budget_to_team_keys`."""

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone such as UTC or Europe/Berlin") from None
        return name
