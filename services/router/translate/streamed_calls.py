"""Tool calls as they come in pieces in OpenAI's dialect, given out one after the other."""

from dataclasses import dataclass, field

from services.router.translate.anthropic_events import BlockWriter
from services.router.translate.arguments import to_anthropic_id
from shared.wire.openai_chat import ToolCall


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    waiting: list[str] = field(default_factory=list)
    """Pieces of arguments that are not given out yet."""


class StreamedCalls:
    """Gathers calls; the first streams as it comes, the others follow whole at the end.

    Pieces of parallel calls may alternate in OpenAI's dialect and a later one may still belong to the first,
    while Anthropic's blocks come one after the other.
    """

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id
        self._calls: list[_Call] = []
        self._at_index: dict[int, _Call] = {}
        self._first_is_open = False

    def __bool__(self) -> bool:
        """Tell whether there is any call."""
        return bool(self._calls)

    def add(self, pieces: list[ToolCall], writer: BlockWriter) -> bytes:
        """Take pieces of calls and return what of the first call can be given out."""
        for piece in pieces:
            call = self._call(piece)
            if piece.id:
                call.id = call.id or piece.id
            if piece.function is not None:
                call.name = call.name or piece.function.name or ""
                if piece.function.arguments:
                    call.waiting.append(piece.function.arguments)
        if not self._calls or not self._calls[0].name:
            return b""
        return self._write(self._calls[0], 0, writer, is_open=self._first_is_open)

    def rest(self, writer: BlockWriter) -> bytes:
        """Return all that was not given out yet."""
        return b"".join(
            self._write(call, index, writer, is_open=self._first_is_open and index == 0)
            for index, call in enumerate(self._calls)
        )

    def _call(self, piece: ToolCall) -> _Call:
        # Some servers number no call or give every call the index 0: then a new id means a new call.
        index = piece.index
        if index is None:
            last = len(self._calls) - 1
            index = last if self._calls and piece.id in (None, "", self._calls[last].id) else last + 1
        call = self._at_index.get(index)
        if call is None or (piece.id and call.id and piece.id != call.id):
            call = self._at_index[index] = _Call()
            self._calls.append(call)
        return call

    def _write(self, call: _Call, index: int, writer: BlockWriter, *, is_open: bool) -> bytes:
        out: list[bytes] = []
        if not is_open:
            self._first_is_open = True
            call_id = to_anthropic_id(call.id) if call.id else f"toolu_{to_anthropic_id(self._message_id)}_{index}"
            out.append(writer.open({"type": "tool_use", "id": call_id, "name": call.name, "input": {}}))
        out += [writer.delta(piece) for piece in call.waiting]
        call.waiting.clear()
        return b"".join(out)
