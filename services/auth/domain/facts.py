"""What auth reads of a request's body: whom it is for, what it must hold, and how large it may become."""

from typing import Any

import msgspec

from shared.errors import Dialect, InvalidRequest
from shared.pricing.estimate import input_of
from shared.wire.answer_size import choices, requested_output
from shared.wire.reading import member, object_of

MAX_END_USER = 256
"""Characters of an end user's id that count, as in the ledger."""

MAX_MODEL = 256
"""Characters of a native model's name that count, as in the ledger."""

_BEFORE_AN_OBJECT = b"\xef\xbb\xbf \t\r\n"
"""A byte order mark, and the white space of JSON."""


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


def request_in(body: bytes) -> dict[str, Any]:
    """Return the request that a body is, which the edge found to be a JSON object.

    Bodies above 64 KiB belong on an `Offload`.
    """
    request = object_of(body)
    if request is None:
        raise InvalidRequest("The request body is not a JSON object.")
    return request


def facts_of(
    request: dict[str, Any], dialect: Dialect, enforced: tuple[str, ...] = (), *, tokenized_as: str | None = None
) -> Facts:
    """Return the facts of a request; its prompt is counted, as this model would, where `tokenized_as` is given."""
    return Facts(
        end_user=_end_user(request, dialect),
        missing=next((name for name in enforced if not _has(request, name)), ""),
        input=input_of(request, dialect, tokenized_as) if tokenized_as is not None else None,
        requested=requested_output(request.get),
        choices=choices(request.get),
    )


def read_facts(
    body: bytes, dialect: Dialect, enforced: tuple[str, ...] = (), *, tokenized_as: str | None = None
) -> Facts:
    """Return the facts of a body: `facts_of` what is `request_in` it."""
    return facts_of(request_in(body), dialect, enforced, tokenized_as=tokenized_as)


def native_request_in(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a provider-native body is; None for any other body, of which nothing is known.

    Bodies above 64 KiB belong on an `Offload`.
    """
    return object_of(body) if body.lstrip(_BEFORE_AN_OBJECT)[:1] == b"{" else None


def native_facts_of(request: dict[str, Any] | None, dialect: Dialect, *, tokenized_as: str | None = None) -> Facts:
    """Return the facts of a provider-native request.

    The prompt is counted where `tokenized_as` is given: as the model would that the request itself names.
    """
    if request is None:
        return NOTHING
    model = request.get("model")
    model = model[:MAX_MODEL] if isinstance(model, str) else ""
    facts = facts_of(request, dialect, tokenized_as=None if tokenized_as is None else model)
    return msgspec.structs.replace(facts, model=model)


def read_native_facts(body: bytes, dialect: Dialect, *, tokenized_as: str | None = None) -> Facts:
    """Return the facts of a body: `native_facts_of` what is `native_request_in` it."""
    return native_facts_of(native_request_in(body), dialect, tokenized_as=tokenized_as)


def _end_user(request: dict[str, Any], dialect: Dialect) -> str:
    """Return the end user as the ledger will have it: OpenAI's `user`, Anthropic's `metadata.user_id`."""
    user = member(request, "metadata").get("user_id") if dialect == "anthropic" else request.get("user")
    return user[:MAX_END_USER] if isinstance(user, str) else ""


def _has(request: dict[str, Any], name: str) -> bool:
    """Tell whether a field is there; a name with dots is one within objects."""
    value: Any = request
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True
