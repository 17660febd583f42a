"""How large a native request may become: what a budget and a limit of tokens are asked for."""

from dataclasses import dataclass

import msgspec

from services.passthrough.domain.forms import read_form
from shared.errors import Dialect, InvalidRequest
from shared.pricing.bounds import output_bound
from shared.pricing.estimate import AUDIO_TOKENS, expected_output, input_of
from shared.pricing.prices import Price
from shared.pricing.usage import Usage
from shared.wire.answer_size import MAX_CHOICES, choices, requested_output

IMAGES_TOKENS = 10_000
"""The images of one form: one and a half of OpenAI's largest at high fidelity (6,240)."""

MOST_AUDIO = 25 * 1024**2
"""Bytes of the largest audio that OpenAI takes; also of an upload that does not say how long it is."""

BYTES_PER_AUDIO_TOKEN = 200
"""Of speech at 16 kbit/s, about the least that is understood, and OpenAI's 10 tokens a second."""

MOST_IMAGES = 10
"""Images that one request may ask for, by OpenAI's reference of `n`."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Size:
    """What is known of a request before it is sent."""

    model: str = ""
    """As the path or the body names it; empty where neither does, or not where it can be seen."""
    certain: bool = True
    """False where the body may name another model in what was not read of it."""
    input: int = 0
    """Tokens of text."""
    media: int = 0
    """Tokens of audio or images, at most."""
    usual: int = 0
    """The same as a limit of tokens takes it: by piece, never by bytes."""
    requested: int | None = None
    choices: int = 1

    @property
    def tokens(self) -> int:
        """Tokens of input and expected output."""
        return self.input + self.usual + expected_output(self.requested, self.choices)

    def cost(self, price: Price, possible: int | None) -> int:
        """Return nano-dollars at most; `possible` is how long an answer the deployment allows."""
        output = output_bound(self.requested, possible)
        of_text = price.bound(self.input + self.media, output)
        if not self.media:
            return self.choices * of_text
        as_audio = price.cost(Usage(input=self.input, input_audio=self.media, output=output)).nano
        as_images = price.cost(Usage(input=self.input, input_image=self.media, output_image=output)).nano
        return self.choices * max(of_text, as_audio, as_images)


def size_of_json(body: bytes, dialect: Dialect, model: str) -> Size:
    """Return the size of a JSON body; `model` is what the path named. Run it by `Offload`: it parses the body.

    Raises `InvalidRequest` for what is not empty and cannot be read: a provider that can read it would not be held to
    anything.
    """
    if not body:
        return Size(model)
    body = body.removeprefix(_BOM)
    try:
        request = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The request body is not valid JSON in UTF-8, so what it may cost is not known.") from None
    if not isinstance(request, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    named = request.get("model")
    model = model or (named if isinstance(named, str) else "")
    input = input_of(request, dialect, model)
    return Size(model, input=input, requested=requested_output(request.get), choices=choices(request.get))


def size_of_form(
    beginning: bytes, content_type: str, length: int, operation: str, model: str, *, whole: bool = False
) -> Size:
    """Return the size of a body that is no JSON, from its beginning and its length (-1 where that is unknown).

    `model` is what the path named; `whole` tells that the beginning is all of it. Run it by `Offload`.
    """
    form = read_form(beginning, content_type, whole=whole)
    certain = bool(model) or form.is_certain_of("model")
    model = model or form.fields.get("model", "")
    number = form.fields.get("n", "1")
    answers = min(max(1, int(number)), MAX_CHOICES) if number.isascii() and number.isdigit() else 1
    if operation.startswith("images/"):
        if not form.is_certain_of("n"):
            answers = max(answers, MOST_IMAGES)
        return Size(model, certain, media=IMAGES_TOKENS, usual=IMAGES_TOKENS, choices=answers)
    audio = MOST_AUDIO if length < 0 else min(length, MOST_AUDIO)
    media = max(AUDIO_TOKENS, audio // BYTES_PER_AUDIO_TOKEN)
    return Size(model, certain, media=media, usual=AUDIO_TOKENS, choices=answers)
