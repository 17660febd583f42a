"""The sections about models: groups, deployments, the clocks of a call."""

from typing import Literal

from pydantic import Field, SecretStr

from shared.settings.checks import TargetUrl
from shared.settings.section import Section

LONGEST_ID = 128
"""Characters of a deployment's id, as `/model/new` takes it."""

LONGEST_NAME = 256
"""Characters of a model group's name, as `/model/new` takes it."""


class Timeouts(Section):
    """The five clocks of a provider call, in seconds."""

    connect: float = Field(5.0, gt=0)
    """Until the connection stands."""
    first_byte: float = Field(120.0, gt=0)
    """Until the provider's status line."""
    first_token: float = Field(120.0, gt=0)
    """Until the first event of a stream."""
    between_tokens: float = Field(60.0, gt=0)
    """Between two events of a stream."""
    total: float = Field(600.0, gt=0)
    """For the whole answer."""


class Deployment(Section):
    """One way to reach a model."""

    id: str = Field("", max_length=LONGEST_ID)
    """A name that lasts, for the ledger; made of the model group and a number unless given."""
    provider: Literal["openai", "anthropic", "demo"]
    """Whose API it speaks: `openai` is any OpenAI-compatible server."""
    model: str
    """The model's name at the provider."""
    api_base: TargetUrl | None = None
    """Where the provider is, unless at the vendor's own address; `demo` finds the stack's demo provider by itself."""
    api_key: SecretStr | None = None
    """The key for the provider; write it as `${NAME}`."""
    weight: float = Field(1.0, ge=0)
    """Its share of the requests, beside the other deployments of the group."""
    timeouts: Timeouts = Timeouts()
    """The clocks of its calls."""
    access_groups: tuple[str, ...] = ()
    """Names by which keys and teams may be granted its model group together with others."""
    max_output_tokens: int | None = Field(None, ge=1)
    """Tokens of its longest answer, where that is known; it bounds what a request may cost."""
    rpm: int | None = Field(None, ge=0)
    """Requests a minute that it may get."""
    tpm: int | None = Field(None, ge=0)
    """Tokens a minute that it may get."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time that it may get."""
    input_cost_per_token: float | None = Field(None, ge=0)
    """Dollars. A deployment that states any price is priced by what it states alone."""
    output_cost_per_token: float | None = Field(None, ge=0)
    """Dollars for a token of the answer."""
    output_cost_per_reasoning_token: float | None = Field(None, ge=0)
    """Dollars for a token of reasoning; as for the answer unless given."""
    cache_read_input_token_cost: float | None = Field(None, ge=0)
    """Dollars for a token of input that came from the provider's cache."""
    cache_creation_input_token_cost: float | None = Field(None, ge=0)
    """Dollars for a token of input that was written to the provider's cache for minutes."""
    cache_creation_input_token_cost_above_1hr: float | None = Field(None, ge=0)
    """The same, for an hour."""


class ModelGroup(Section):
    """The name that callers ask for, and what serves it."""

    model_name: str = Field(min_length=1, max_length=LONGEST_NAME)
    """The name in requests."""
    deployments: tuple[Deployment, ...] = Field(min_length=1)
    """What serves it; a request that fails on one is tried on another."""
    rpm: int | None = Field(None, ge=0)
    """Requests a minute that all of its deployments together may get."""
    tpm: int | None = Field(None, ge=0)
    """Tokens a minute, of input and output, that all of its deployments together may get."""
    max_parallel_requests: int | None = Field(None, ge=0)
    """Requests at a time that all of its deployments together may get."""
