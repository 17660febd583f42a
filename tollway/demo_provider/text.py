"""What the demo provider answers: words, reasoning and tool calls, in pieces of one token each."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle, islice

from tollway.demo_provider.arguments import arguments_for
from tollway.demo_provider.ask import Ask, Tool
from tollway.demo_provider.behaviour import Behaviour

PLAIN = (
    "Hello from Tollway's demo model! Your request went through the gateway, was answered right here, "
    "and its cost is in your ledger. Add a provider's key to talk to a real model."
)
REASONING = "The caller wants an answer, so I shall think for as long as I was asked to, and then give one. "
THINKING_PIECES = 12
"""How long it thinks when the request switches thinking on without saying how much."""

Finish = str
"""Why an answer ended: "end", "length", "stop:<sequence>", "tools", or a word to be passed on as it is."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool, its arguments being JSON in pieces."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; each piece of it is one output token."""

    pieces: tuple[str, ...]
    reasoning: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish = "end"

    @property
    def size(self) -> int:
        """Return the answer's output tokens."""
        return len(self.pieces) + len(self.reasoning) + sum(len(call.arguments) for call in self.tool_calls)


def pieces_of(text: str) -> tuple[str, ...]:
    """Split a text into words, each with the white space after it."""
    return tuple(re.findall(r"\s*\S+\s*$|\s*\S+\s", text)) or ((text,) if text else ())


def awkward_pieces_of(text: str) -> tuple[str, ...]:
    """Split a text into pieces of 1, 2, 3, 5 and 8 characters in turn, with no regard for words."""
    pieces: list[str] = []
    start = 0
    for length in cycle((1, 2, 3, 5, 8)):
        if start >= len(text):
            return tuple(pieces)
        pieces.append(text[start : start + length])
        start += length
    return ()


_PLAIN_PIECES = pieces_of(PLAIN)
_REASONING_PIECES = pieces_of(REASONING)
_LOOP_PIECES = (*_PLAIN_PIECES[:-1], _PLAIN_PIECES[-1] + " ")


@lru_cache(maxsize=32)
def _repeated(pieces: tuple[str, ...], count: int) -> tuple[str, ...]:
    return tuple(islice(cycle(pieces), count))


def answer_for(ask: Ask, behaviour: Behaviour, shown: str = "") -> Answer:
    """Return the answer to a request; the same request always has the same one.

    `shown` is what the request looked like on the wire, for the behaviour that asks to see it.
    """
    reasoning = behaviour.reasoning or (THINKING_PIECES if ask.thinking else 0)
    answer = Answer(
        pieces=_text(ask, behaviour, shown),
        reasoning=_repeated(_REASONING_PIECES, reasoning) if reasoning else (),
    )
    calls = _tool_calls(ask, behaviour)
    if calls:
        answer = replace(answer, pieces=(), tool_calls=calls, finish="tools")
    elif ask.stop:
        answer = _stopped(answer, ask.stop)
    if ask.max_tokens is not None and answer.size > ask.max_tokens:
        answer = _shortened(answer, ask.max_tokens)
    return replace(answer, finish=behaviour.finish) if behaviour.finish else answer


def _text(ask: Ask, behaviour: Behaviour, shown: str) -> tuple[str, ...]:
    if behaviour.show is not None:
        return pieces_of(shown)
    if behaviour.echo:
        return awkward_pieces_of(ask.last_user)
    if behaviour.nonce:
        return awkward_pieces_of(ask.nonce or "")
    if behaviour.tokens is not None:
        return _repeated(_LOOP_PIECES, behaviour.tokens)
    if ask.tool_result is not None:
        return pieces_of(f"The tool answered: {ask.tool_result}")
    return _PLAIN_PIECES


def _tool_calls(ask: Ask, behaviour: Behaviour) -> tuple[ToolCall, ...]:
    asked = (behaviour.tool is not None or behaviour.tools > 0) and ask.tool_result is None
    if not asked and ask.forced_tool is None:
        return ()
    name = ask.forced_tool or behaviour.tool
    known = {tool.name: tool for tool in ask.tools}
    offered = [known.get(name, Tool(name, {}))] if name else list(ask.tools)
    count = max(1, behaviour.tools) if ask.parallel else 1
    chosen = islice(cycle(offered), count) if offered else ()
    return tuple(ToolCall(tool.name, arguments_for(tool.schema)) for tool in chosen)


def _stopped(answer: Answer, stop: tuple[str, ...]) -> Answer:
    text = "".join(answer.pieces)
    hits = [(text.find(sequence), sequence) for sequence in stop if sequence in text]
    if not hits:
        return answer
    end, sequence = min(hits)
    kept: list[str] = []
    for piece in answer.pieces:
        if end <= 0:
            break
        kept.append(piece[:end])
        end -= len(piece)
    return replace(answer, pieces=tuple(kept), finish=f"stop:{sequence}")


def _shortened(answer: Answer, limit: int) -> Answer:
    reasoning = answer.reasoning[:limit]
    left = limit - len(reasoning)
    pieces = answer.pieces[:left]
    left -= len(pieces)
    calls = []
    for call in answer.tool_calls:
        if left <= 0:
            break
        calls.append(ToolCall(call.name, call.arguments[:left]))
        left -= len(call.arguments)
    return Answer(pieces, reasoning, tuple(calls), "length")
