"""What auth reads of a request's body: whom it is for, what it must hold, and how large it may become."""

from typing import Any

import msgspec
from msgspec import Raw

from shared.errors import Dialect, InvalidRequest
from shared.pricing.estimate import estimate_input
from shared.wire.answer_size import choices, requested_output
from shared.wire.reading import UNREADABLE, object_in

MAX_END_USER = 256
"""Characters of an end user's id that count, as in the ledger."""

MAX_MODEL = 256
"""Characters of a native model's name that count, as in the ledger."""

_decode = msgspec.json.Decoder(dict[str, Raw]).decode


class Facts(msgspec.Struct, frozen=True):
    """What a body said."""

    end_user: str = ""
    missing: str = ""
    """The first field that every request of the key must have, and that is not there."""
    input: int | None = None
    """Tokens of the prompt, if they were counted; bytes of images, audio and files never count as text."""
    requested: int | None = None
    """Tokens of the answer at most, as the caller asked; None where it did not say."""
    choices: int = 1
    model: str = ""
    """Of a native request: the provider's name of the model."""


NOTHING = Facts()


def read_facts(
    body: bytes, dialect: Dialect, enforced: tuple[str, ...] = (), *, tokenized_as: str | None = None
) -> Facts:
    """Return the facts of a body that the edge found to be a JSON object.

    The prompt is counted, as this model would, where `tokenized_as` is given. Run it by `Offload` for bodies above
    64 KiB.
    """
    try:
        fields = _decode(body)
    except UNREADABLE:
        raise InvalidRequest("The request body is not a JSON object.") from None

    def field(name: str) -> Any:
        return _value(fields.get(name))

    return Facts(
        end_user=_end_user(fields, dialect),
        missing=next((name for name in enforced if not _has(fields, name)), ""),
        input=_input(body, dialect, tokenized_as) if tokenized_as is not None else None,
        requested=requested_output(field),
        choices=choices(field),
    )


def read_native_facts(body: bytes, dialect: Dialect, *, tokenized_as: str | None = None) -> Facts:
    """Return the facts of a provider-native body, as far as it is JSON; of any other nothing is known.

    The prompt is counted where `tokenized_as` is given: as the model would that the body itself names.
    """
    if body.lstrip()[:1] != b"{":
        return NOTHING
    try:
        model = _value(_decode(body).get("model"))
        model = model[:MAX_MODEL] if isinstance(model, str) else ""
        facts = read_facts(body, dialect, tokenized_as=None if tokenized_as is None else model)
    except (*UNREADABLE, InvalidRequest):
        return NOTHING
    return msgspec.structs.replace(facts, model=model)


def _input(body: bytes, dialect: Dialect, model: str) -> int:
    """Return the tokens of the prompt; raise `InvalidRequest` where it cannot be read, which would make them none."""
    tokens = estimate_input(body, dialect, model)
    if not tokens:
        try:
            msgspec.json.decode(body)
        except UNREADABLE:
            raise InvalidRequest(
                "The request body is not valid JSON in UTF-8, so what it may cost is not known."
            ) from None
    return tokens


def _end_user(fields: dict[str, Raw], dialect: Dialect) -> str:
    """Return the end user as the ledger will have it: OpenAI's `user`, Anthropic's `metadata.user_id`."""
    anthropic = dialect == "anthropic"
    user = object_in(fields.get("metadata")).get("user_id") if anthropic else _value(fields.get("user"))
    return user[:MAX_END_USER] if isinstance(user, str) else ""


def _has(fields: dict[str, Raw], name: str) -> bool:
    """Tell whether a field is there; a name with dots is one within objects."""
    first, *further = name.split(".")
    if first not in fields:
        return False
    value: Any = object_in(fields[first]) if further else None
    for part in further:
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def _value(raw: Raw | None) -> Any:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None
