"""What a stream that ended early is taken to have used."""

from services.router.accounting import partial_usage
from services.router.translate.openai_stream import OpenAIStream
from services.router.translate.provider_stream import KEPT_CHARACTERS
from shared.pricing.usage import Usage
from shared.sse import Event
from shared.wire.openai_chat import Answer


class Stream(OpenAIStream):
    """A stream whose chunks go nowhere."""

    def _chunk(self, chunk: Answer, event: Event) -> bytes:
        return b""

    def _close(self) -> bytes:
        return b""


def test_what_is_not_kept_counts_in_proportion() -> None:
    """A text of which the first half is known has twice its tokens."""
    text = "one two three four"
    known = partial_usage(None, text, len(text), 7, "gpt-4o")
    assert partial_usage(None, text, 2 * len(text), 7, "gpt-4o").output == 2 * known.output
    assert known.input == 7
    assert known.estimated


def test_what_was_reported_is_not_counted_again() -> None:
    """Our count stands in for the part that the provider has not reported."""
    reported = Usage(input=10, output=1000)
    assert partial_usage(reported, "one two", 7, 99, "gpt-4o").output == 1000
    assert partial_usage(None, "", 0, 3, "gpt-4o").output == 0


def test_a_stream_keeps_the_beginning_of_a_long_answer_only() -> None:
    """Memory does not grow with the answer, the count of its characters does."""
    stream = Stream()
    event = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * 1000)
    for _ in range(200):
        stream.feed(event)
    assert stream.written == 200_000
    assert KEPT_CHARACTERS <= len(stream.text) < KEPT_CHARACTERS + 1000
