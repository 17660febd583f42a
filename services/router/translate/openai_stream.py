"""Reading a stream of OpenAI's chat completion chunks."""

from abc import abstractmethod

import msgspec

from services.router.translate.errors import error_in_answer, raise_if_error
from services.router.translate.provider_stream import ProviderStream
from shared.errors import BrokenStream
from shared.sse import Event
from shared.wire.openai import usage_of
from shared.wire.openai_chat import Answer, decode, pieces_of
from shared.wire.reading import UNREADABLE


class OpenAIStream(ProviderStream):
    """Reads chunks up to `[DONE]`; what becomes of each is the route's."""

    same_dialect = False

    def __init__(self) -> None:
        super().__init__()
        self._chunks = 0

    def _take(self, event: Event) -> bytes:
        if event.data == b"[DONE]":
            if not self._chunks:
                raise BrokenStream("The provider's stream ended without an answer.")
            self._ended = True
            self._last(event)
            return b""
        chunk = self._decoded(event.data)
        if chunk.error:
            raise error_in_answer(chunk.error, event.data, same_dialect=self.same_dialect)
        self._chunks += 1
        if chunk.usage is not None:
            self.usage = usage_of(chunk.usage, chunk.service_tier) or self.usage
        for choice in chunk.choices or ():
            if choice.delta is not None and (pieces := pieces_of(choice.delta)):
                self._wrote(pieces)
        return self._chunk(chunk, event)

    def _decoded(self, data: bytes) -> Answer:
        try:
            return decode(data)
        except msgspec.ValidationError:
            return self._odd(data)
        except UNREADABLE:
            raise _broken() from None

    def _odd(self, data: bytes) -> Answer:
        """Return what stands for a chunk whose fields have unexpected types."""
        raise _broken()

    def _not_a_stream(self, body: bytes) -> None:
        raise_if_error(body, same_dialect=self.same_dialect)

    def _last(self, event: Event) -> None:
        """Take the end mark."""

    @abstractmethod
    def _chunk(self, chunk: Answer, event: Event) -> bytes:
        """Return what a chunk means to the client."""


def _broken() -> BrokenStream:
    return BrokenStream("The provider's stream holds something that is no chat completion chunk.")
