"""Events of a streamed message (Anthropic's dialect), checked on their way."""

from collections.abc import Sequence

import msgspec

from services.guardrails.domain.documents import check_document
from services.guardrails.domain.fields import NULL, RawObject, Texts, int_of, is_null, raw, text_of
from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.json_text import rewrite_json
from services.guardrails.domain.reading import read_object
from services.guardrails.domain.shapes import ANSWERS, PART
from shared.sse import Event

Lane = tuple[int, str]
"""A running text: the content block's index and the field's name in its deltas."""

_TYPES = {"text": "text_delta", "thinking": "thinking_delta", "partial_json": "input_json_delta"}
"""The fields that carry running texts, and the types of their deltas."""

_UNREAD = frozenset({"type", "signature"})
_encode = msgspec.json.Encoder().encode


class AnthropicStream:
    """Keeps a running text for each content block; deltas that only had text to hold vanish."""

    def __init__(self, guardrails: Sequence[Guardrail]) -> None:
        self._guardrails = guardrails
        self._texts: Texts[Lane] = Texts(guardrails)

    def take(self, event: Event) -> bytes:
        """Return what may go out now that this event came; raises `Blocked` or `Unreadable`."""
        data = read_object(event.data)
        match text_of(data.get("type", NULL)):
            case "content_block_delta":
                return self._delta(event, data)
            case "content_block_start":
                return self._start(event, data)
            case "content_block_stop":
                return self._flush(int_of(data.get("index", NULL))) + event.raw
            case "message_start":
                return self._message(event, data)
            case "message_delta" | "message_stop":
                return self.finish() + event.raw
            case _:
                return event.raw

    def finish(self) -> bytes:
        """Return what is still held, when no more events come; raises `Blocked`."""
        return b"".join([self._late(lane) for lane in self._texts.open_lanes()])

    def _message(self, event: Event, data: RawObject) -> bytes:
        written = bytes(data.get("message", NULL))
        checked = check_document(written, ANSWERS["anthropic"], self._guardrails)
        return event.raw if checked is written else _event("message_start", data | {"message": msgspec.Raw(checked)})

    def _start(self, event: Event, data: RawObject) -> bytes:
        """A block begins: with the first of a running text, or whole, as results of the provider's own tools do."""
        index = int_of(data.get("index", NULL))
        block = read_object(data.get("content_block", NULL))
        running = {field: text for field in ("text", "thinking") if (text := text_of(block.get(field, NULL)))}
        for field, text in running.items():
            block[field] = raw(self._texts.feed((index, field), text))
        written = _encode({field: value for field, value in block.items() if field not in running})
        checked = check_document(written, PART, self._guardrails)
        if checked is written and not running:
            return event.raw
        return _event("content_block_start", data | {"content_block": raw(block | read_object(checked))})

    def _delta(self, event: Event, data: RawObject) -> bytes:
        index = int_of(data.get("index", NULL))
        delta = read_object(data.get("delta", NULL))
        changed = False
        for field, value in delta.items():
            if field in _UNREAD or is_null(value):
                continue
            text = text_of(value) if field in _TYPES else None
            if text is None:
                written = bytes(value).decode()
                checked = rewrite_json(written, self._guardrails)
                delta[field], changed = msgspec.Raw(checked.encode()), changed or checked != written
                continue
            passed = self._texts.feed((index, field), text, json=field == "partial_json")
            if text and not passed:
                return b""
            delta[field], changed = raw(passed), changed or passed != text
        return _event("content_block_delta", data | {"delta": raw(delta)}) if changed else event.raw

    def _flush(self, index: int) -> bytes:
        return b"".join([self._late(lane) for lane in self._texts.open_lanes() if lane[0] == index])

    def _late(self, lane: Lane) -> bytes:
        """Return a delta with the text that was held on a lane, if any was."""
        text = self._texts.finish(lane)
        if not text:
            return b""
        index, field = lane
        delta = {"type": _TYPES[field], field: text}
        return _event("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})


def _event(name: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(data))
