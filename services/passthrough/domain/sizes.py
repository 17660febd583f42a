"""How large a native request may become: what a budget and a limit of tokens are asked for."""

from dataclasses import dataclass

import msgspec

from services.passthrough.domain.forms import form_fields
from shared.errors import Dialect
from shared.pricing.bounds import output_bound
from shared.pricing.estimate import AUDIO_TOKENS, estimate_input, expected_output
from shared.pricing.prices import Price
from shared.pricing.usage import Usage
from shared.wire.answer_size import MAX_CHOICES, choices, requested_output

IMAGES_TOKENS = 10_000
"""The images of one form: one and a half of OpenAI's largest at high fidelity (6,240)."""

MOST_AUDIO = 25 * 1024**2
"""Bytes of the largest audio that OpenAI takes; also of an upload that does not say how long it is."""

BYTES_PER_AUDIO_TOKEN = 200
"""Of speech at 16 kbit/s, about the least that is understood, and OpenAI's 10 tokens a second."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Size:
    """What is known of a request before it is sent."""

    model: str = ""
    """As the body names it; empty where it does not, or not where it can be seen."""
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
    """Return the size of a JSON body; `model` is what the path named. Run it by `Offload`: it parses the body."""
    try:
        fields = _fields(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Size(model)

    def field(name: str) -> object:
        try:
            return msgspec.json.decode(fields[name])
        except (KeyError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    named = field("model")
    model = model or (named if isinstance(named, str) else "")
    return Size(model, estimate_input(body, dialect, model), requested=requested_output(field), choices=choices(field))


def size_of_form(content_type: str, beginning: bytes, length: int, operation: str, model: str) -> Size:
    """Return the size of a body that is no JSON, from its beginning and its length (-1 where that is unknown)."""
    fields = form_fields(content_type, beginning)
    model = model or fields.get("model", "")
    number = fields.get("n", "1")
    answers = min(max(1, int(number)), MAX_CHOICES) if number.isascii() and number.isdigit() else 1
    if operation.startswith("images/"):
        return Size(model, media=IMAGES_TOKENS, usual=IMAGES_TOKENS, choices=answers)
    audio = MOST_AUDIO if length < 0 else min(length, MOST_AUDIO)
    return Size(model, media=max(AUDIO_TOKENS, audio // BYTES_PER_AUDIO_TOKEN), usual=AUDIO_TOKENS, choices=answers)
