"""The shapes that every translation has."""

from dataclasses import dataclass
from typing import Protocol

from shared.errors import ProviderError
from shared.pricing.usage import Usage


@dataclass(frozen=True, slots=True)
class OwnFields:
    """What the gateway's own fields in a request's body said; they never reach a provider."""

    tags: tuple[str, ...] = ()
    end_user: str = ""
    """The `user` field (OpenAI) or `metadata.user_id` (Anthropic), which also goes on to the provider."""
    num_retries: int | None = None
    metadata: str = ""
    """LiteLLM's `metadata` as JSON, as far as the ledger keeps it: data, which nothing reads."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as one provider is to be asked; it can be pickled, since large bodies are translated elsewhere."""

    path: str
    """What follows the deployment's `api_base`, for example `/chat/completions` or `/v1/messages`."""
    body: bytes
    stream: bool
    hide_usage: bool = False
    """True when the stream was asked for its usage on our own account, and the client did not ask."""
    own: OwnFields = OwnFields()


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that is not streamed, in the client's dialect."""

    body: bytes
    usage: Usage | None
    """None when the provider reported none."""
    text: str
    """All that the model wrote (content, reasoning, tool arguments), for an estimate where usage is None."""


class StreamReader(Protocol):
    """Reads a provider's stream and gives the client's; one per attempt.

    Both sides are bytes of server-sent events, cut anywhere.
    """

    usage: Usage | None
    """What the provider reported so far."""
    began: bool
    """True once a token of content came: the first-token clock stops."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the provider's stream and return those for the client, possibly none.

        What ends the client's stream (`[DONE]`, `message_stop`, its usage and what must stand right before them)
        is held back for `last`. Raises `ProviderError` when the provider sent an error event and `BrokenStream` when
        its bytes are no such stream.
        """
        ...

    def finish(self) -> None:
        """The provider's stream ended: raise `BrokenStream` when what came is not a complete answer."""
        ...

    def last(self, cost: float | None) -> bytes:
        """Return the client's last bytes, after `finish`.

        The usage in them tells `cost`, the request's dollars, as `cost`; where that is None there is no price to tell.
        """
        ...

    @property
    def complete(self) -> bool:
        """True once nothing more needs to be waited for: the provider's own end mark came, or a fault.

        A fault after good bytes of one `feed` is raised by the next `feed` or by `finish`.
        """
        ...

    @property
    def written(self) -> int:
        """The characters that the model wrote so far, those that are not kept included."""
        ...

    @property
    def text(self) -> str:
        """All that the model wrote so far (content, reasoning, tool arguments), for an estimate."""
        ...


class Translator(Protocol):
    """One client dialect over one provider dialect. It has no state; every method is pure."""

    def ask(self, body: bytes, model: str, *, stream: bool) -> Ask:
        """Return what to send for a client's body that passed `read_chat_body`, asking for `model`.

        Raises `InvalidRequest` for what the provider's dialect cannot express.
        """
        ...

    def whole(self, ask: Ask, body: bytes, model_group: str, created: int = 0) -> Whole:
        """Return the client's answer for the provider's; raises `ProviderError` when it is none.

        `created` is now in Unix seconds, for providers whose answers do not say when they were made.
        """
        ...

    def reader(self, ask: Ask, model_group: str, created: int = 0) -> StreamReader:
        """Return a fresh reader of the provider's stream; `created` as in `whole`."""
        ...

    def error(self, status: int, body: bytes, retry_after: str | None) -> ProviderError:
        """Return what a provider's error answer means to the client: the provider's status and message."""
        ...
