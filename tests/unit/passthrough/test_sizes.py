"""How large a native request is taken for before it is sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.passthrough.domain.sizes import (
    BYTES_PER_AUDIO_TOKEN,
    IMAGES_TOKENS,
    MOST_AUDIO,
    MOST_IMAGES,
    Size,
    size_of_form,
    size_of_json,
)
from shared.errors import InvalidRequest
from shared.pricing.bounds import DEFAULT_OUTPUT
from shared.pricing.estimate import AUDIO_TOKENS, EXPECTED_OUTPUT
from shared.pricing.table import PriceTable
from shared.settings import Deployment

PRICE = PriceTable(as_of=1_750_000_000.0).price_of(
    Deployment.model_validate(
        {"provider": "openai", "model": "m", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    )
)
TYPE = "multipart/form-data; boundary=xyz"
FORM = b'--xyz\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'


def chat(**fields: Any) -> bytes:
    """Return a chat request."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "word " * 1000}], **fields}).encode()


def test_json_is_counted_as_on_every_other_route() -> None:
    """Text by tokens, the answer by what is asked for, times the number of answers."""
    size = size_of_json(chat(max_tokens=10, n=3), "openai", "")
    assert (size.model, size.requested, size.choices) == ("m", 10, 3)
    assert 1000 <= size.input <= 1100
    assert size.cost(PRICE, None) == 3 * (size.input * 1000 + 10 * 2000)
    assert size.tokens == size.input + 30
    assert size_of_json(chat(), "openai", "of-the-path").model == "of-the-path"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"model": 7}'])
def test_what_is_no_request_is_small(body: bytes) -> None:
    """A provider refuses it; until then the answer's usual length is held."""
    size = size_of_json(body, "openai", "")
    assert (size.model, size.input) == ("", 0)
    assert size.cost(PRICE, None) == DEFAULT_OUTPUT * 2000


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"\xff", b"[" * 5000, chat().decode().encode("utf-16"), chat() + b"{}", b'{"a": "\xff"}']
)
def test_what_only_a_provider_may_read_is_refused(body: bytes) -> None:
    """Nobody knows what it costs."""
    with pytest.raises(InvalidRequest):
        size_of_json(body, "openai", "of-the-path")


def test_a_mark_of_the_encoding_changes_nothing() -> None:
    """As some editors write it before UTF-8."""
    assert size_of_json(b"\xef\xbb\xbf" + chat(), "openai", "") == size_of_json(chat(), "openai", "")


def test_images_are_no_text() -> None:
    """Bytes of media never count as tokens of text."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    size = size_of_json(chat(messages=[{"role": "user", "content": [image]}]), "openai", "")
    assert size.input < 1000


@pytest.mark.parametrize(
    ("operation", "length", "media", "usual"),
    [
        ("audio/transcriptions", 100, AUDIO_TOKENS, AUDIO_TOKENS),
        ("audio/transcriptions", 2_000_000, 10_000, AUDIO_TOKENS),
        ("audio/translations", -1, MOST_AUDIO // BYTES_PER_AUDIO_TOKEN, AUDIO_TOKENS),
        ("audio/translations", 10**9, MOST_AUDIO // BYTES_PER_AUDIO_TOKEN, AUDIO_TOKENS),
        ("images/edits", 10**9, IMAGES_TOKENS, IMAGES_TOKENS),
    ],
)
def test_a_form_is_held_by_what_it_is_for(operation: str, length: int, media: int, usual: int) -> None:
    """Audio by its length at most, images as several; a limit of tokens is charged by the piece."""
    beginning = FORM % (b"model", b"m") + FORM % (b"n", b"2") + b"--xyz--\r\n"
    size = size_of_form(beginning, TYPE, length, operation, "", whole=True)
    assert size == Size("m", media=media, usual=usual, choices=2)
    assert size.tokens == usual + 2 * EXPECTED_OUTPUT
    assert size.cost(PRICE, None) == 2 * (media * 1000 + DEFAULT_OUTPUT * 2000)


def test_a_form_without_a_model_at_its_beginning_has_none() -> None:
    """It may stand behind the file; then the dearest one counts."""
    size = size_of_form(b"--xyz\r\n", TYPE, 10, "audio/transcriptions", "")
    assert (size.model, size.certain) == ("", False)
    size = size_of_form(b"RIFF", "audio/wav", 10, "audio/transcriptions", "of-the-path")
    assert (size.model, size.certain) == ("of-the-path", True)


def test_what_was_not_read_of_a_form_may_say_something_else() -> None:
    """A model before a large file is not certain, and as many images are held as there may be."""
    beginning = FORM % (b"model", b"cheap") + FORM % (b"n", b"2")
    size = size_of_form(beginning + b"--xyz\r\n", TYPE, 10**6, "images/edits", "")
    assert (size.model, size.certain, size.choices) == ("cheap", False, MOST_IMAGES)
    size = size_of_form(beginning + b"--xyz--", TYPE, len(beginning) + 7, "images/edits", "", whole=True)
    assert (size.model, size.certain, size.choices) == ("cheap", True, 2)


@given(st.integers(-1, 10**10), st.text(max_size=8), st.text(max_size=8))
def test_a_hold_is_never_nothing(length: int, number: str, model: str) -> None:
    """Whatever the form says, something is held for it, and not without bound."""
    beginning = FORM % (b"model", model.encode(errors="replace")) + FORM % (b"n", number.encode(errors="replace"))
    size = size_of_form(beginning + b"--xyz--", TYPE, length, "audio/transcriptions", "", whole=True)
    assert 0 < size.cost(PRICE, None) < 128 * 200_000 * 1000
