"""Facts on the event plane, validated where they are stored."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["success", "failure", "cancelled", "interrupted", "lost"]


class UsageParts(BaseModel):
    """The disjoint parts of `shared.pricing.usage.Usage`, in tokens."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    input: int = Field(0, ge=0)
    cache_read: int = Field(0, ge=0)
    cache_write_5m: int = Field(0, ge=0)
    cache_write_1h: int = Field(0, ge=0)
    input_audio: int = Field(0, ge=0)
    input_image: int = Field(0, ge=0)
    output: int = Field(0, ge=0)
    reasoning: int = Field(0, ge=0)
    output_audio: int = Field(0, ge=0)
    output_image: int = Field(0, ge=0)
    web_searches: int = Field(0, ge=0)
    service_tier: str = ""
    estimated: bool = False


class Attempt(BaseModel):
    """One call to one deployment. `id` differs between attempts, so a second paid one is no repeat."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    deployment: str
    provider: str
    model: str
    started: float
    ended: float
    outcome: Outcome
    status: int = 0
    usage: UsageParts = UsageParts()
    cost: int = Field(0, ge=0)
    """Nano-dollars."""
    unpriced: bool = False
    price_version: str = ""


class Completion(BaseModel):
    """A request ended: what it used and cost over all of its attempts. Times are Unix seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_id: str = Field(min_length=1, max_length=64)
    route: str
    dialect: Literal["openai", "anthropic"]
    model_group: str
    outcome: Outcome
    status: int
    error_code: str = ""
    stream: bool = False
    received: float
    ended: float
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


class CompletionsFinished(BaseModel):
    """Completions that were at hand together, stored by one message (group commit)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    completions: tuple[Completion, ...] = Field(min_length=1)
