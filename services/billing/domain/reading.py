"""What an event's bytes say: its completions, and the flaws of what is none. Pure."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from shared.schemas.events import Completion, CompletionsFinished

Reason = Literal["malformed", "invalid", "unwritable"]
"""Why something is a dead letter: it is no JSON, no completion, or nothing that the store can hold."""

_whole = msgspec.json.Decoder(CompletionsFinished).decode
_one = msgspec.json.Decoder(Completion).decode


class _Envelope(msgspec.Struct, frozen=True):
    completions: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(min_length=1)]


_envelope = msgspec.json.Decoder(_Envelope).decode


@dataclass(frozen=True, slots=True)
class Flaw:
    """A part of an event that no retry can write."""

    payload: bytes
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one event holds."""

    completions: tuple[Completion, ...]
    flaws: tuple[Flaw, ...] = ()


def read(payload: bytes) -> Reading:
    """Return what an event holds. One bad completion does not take the others of its message with it."""
    try:
        return Reading(_whole(payload).completions)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_singly(payload)


def _read_singly(payload: bytes) -> Reading:
    try:
        parts = _envelope(payload).completions
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Reading((), (Flaw(payload, _reason(error), str(error)),))
    completions, flaws = [], []
    for part in parts:
        try:
            completions.append(_one(part))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            flaws.append(Flaw(bytes(part), _reason(error), str(error)))
    return Reading(tuple(completions), tuple(flaws))


def _reason(error: Exception) -> Reason:
    return "invalid" if isinstance(error, msgspec.ValidationError) else "malformed"
