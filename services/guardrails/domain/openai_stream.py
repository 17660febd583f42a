"""Chunks of a streamed chat completion (OpenAI's dialect), checked on their way."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.guardrails.domain.fields import NULL, RawObject, Texts, int_of, is_null, raw, text_of
from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.json_text import rewrite_json
from services.guardrails.domain.judging import judge
from services.guardrails.domain.reading import read_object, read_objects
from shared.sse import Event

Lane = tuple[int, str, int]
"""A running text: the choice's index, the field's name in the delta, the tool call's index (else -1)."""

_CALLS = ("function", "custom")
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Look:
    """What was seen of one chunk."""

    says: bool = False
    """True when the chunk still says something once what must wait was taken out of it."""
    changed: bool = False

    def text(self, came: str, passed: str) -> None:
        """Note what became of a piece of text."""
        self.says = self.says or passed != "" or came == ""
        self.changed = self.changed or passed != came


class OpenAIStream:
    """Keeps a running text for each field of each choice; chunks that only had text to hold vanish."""

    def __init__(self, guardrails: Sequence[Guardrail]) -> None:
        self._guardrails = guardrails
        self._texts: Texts[Lane] = Texts(guardrails)
        self._last: RawObject = {}

    def take(self, event: Event) -> bytes:
        """Return what may go out now that this event came; raises `Blocked` or `Unreadable`."""
        if event.data.strip() == b"[DONE]":
            return self.finish() + event.raw
        chunk = read_object(event.data)
        if is_null(chunk.get("choices", NULL)):
            return event.raw
        choices = read_objects(chunk["choices"])
        look = _Look(says=not is_null(chunk.get("usage", NULL)))
        if not choices:
            return (self.finish() if look.says else b"") + event.raw
        self._last = chunk
        late = [self._choice(choice, look) for choice in choices]
        if not look.says:
            return b""
        rest = _event(chunk | {"choices": raw(choices)}) if look.changed else event.raw
        return b"".join([*late, rest])

    def finish(self) -> bytes:
        """Return what is still held, when no more events come; raises `Blocked`."""
        return b"".join([self._late(lane) for lane in self._texts.open_lanes()])

    def _choice(self, choice: RawObject, look: _Look) -> bytes:
        """Check one choice in place; return the chunks that must go first, since the choice ends."""
        index = int_of(choice.get("index", NULL))
        ends = not is_null(choice.get("finish_reason", NULL))
        delta = {} if is_null(choice.get("delta", NULL)) else read_object(choice["delta"])
        look.says = look.says or ends or not delta
        for field, value in delta.items():
            delta[field] = self._field((index, field, -1), value, look, ends=ends)
        if delta:
            choice["delta"] = raw(delta)
        if not is_null(choice.get("logprobs", NULL)):
            # They repeat the text token by token, ahead of what may go out.
            choice["logprobs"], look.changed = NULL, True
        if not ends:
            return b""
        return b"".join([self._late(lane) for lane in self._texts.open_lanes() if lane[0] == index])

    def _field(self, lane: Lane, value: msgspec.Raw, look: _Look, *, ends: bool) -> msgspec.Raw:
        index, field, _ = lane
        if is_null(value):
            return value
        if field == "role":
            look.says = True
            return value
        text = text_of(value)
        if text is not None:
            passed = self._texts.feed(lane, text, ends=ends)
            look.text(text, passed)
            return raw(passed)
        if field == "tool_calls":
            return raw([self._tool_call(index, call, look, ends=ends) for call in read_objects(value)])
        if field == "function_call":
            return raw(self._function(lane, read_object(value), look, ends=ends))
        written = bytes(value).decode()
        checked = rewrite_json(written, self._guardrails)
        look.says, look.changed = True, look.changed or checked != written
        return msgspec.Raw(checked.encode())

    def _tool_call(self, index: int, call: RawObject, look: _Look, *, ends: bool) -> RawObject:
        number = int_of(call.get("index", NULL))
        look.says = look.says or "id" in call
        for kind in _CALLS:
            if not is_null(call.get(kind, NULL)):
                call[kind] = raw(self._function((index, kind, number), read_object(call[kind]), look, ends=ends))
        return call

    def _function(self, lane: Lane, function: RawObject, look: _Look, *, ends: bool) -> RawObject:
        for field, value in function.items():
            text = text_of(value)
            if text is None:
                continue
            if field == "name":
                judge(text, self._guardrails)
                look.says = True
                continue
            passed = self._texts.feed(lane, text, json=field == "arguments", ends=ends)
            look.text(text, passed)
            function[field] = raw(passed)
        return function

    def _late(self, lane: Lane) -> bytes:
        """Return a chunk with the text that was held on a lane, if any was."""
        text = self._texts.finish(lane)
        if not text:
            return b""
        index, field, number = lane
        delta: dict[str, object] = {field: text}
        if field == "function_call":
            delta = {field: {"arguments": text}}
        elif number >= 0:
            inner = {"arguments" if field == "function" else "input": text}
            delta = {"tool_calls": [{"index": number, field: inner}]}
        choice = {"index": index, "delta": delta, "finish_reason": None}
        chunk = {name: value for name, value in self._last.items() if name != "usage"}
        return _event(chunk | {"choices": raw([choice])})


def _event(chunk: RawObject) -> bytes:
    return b"data: %b\n\n" % _encode(chunk)
