"""Where text stands in requests and answers, in both dialects.

Sources: OpenAI's API reference for chat completions, Anthropic's for messages. Fields of other providers
that carry reasoning (`reasoning`, `reasoning_content`, `reasoning_details`) are in here, too.
"""

from typing import Final

from services.guardrails.domain.places import OTHERS, Kind, Shape
from shared.errors import Dialect

_TEXT, _NAME, _ARGUMENTS, _JSON, _NOTHING = Kind.TEXT, Kind.NAME, Kind.ARGUMENTS, Kind.JSON, Kind.NOTHING

_PART: dict[str, Shape] = {
    "text": _TEXT,
    "thinking": _TEXT,
    "reasoning": _TEXT,
    "refusal": _TEXT,
    "title": _TEXT,
    "context": _TEXT,
    "stdout": _TEXT,
    "stderr": _TEXT,
    "name": _NAME,
    "input": _JSON,
    "citations": {
        "cited_text": _TEXT,
        "title": _TEXT,
        "document_title": _TEXT,
    },
    "file": {"filename": _TEXT},
}
_PART["content"] = _PART
_PART["source"] = {"content": _PART, "data": _TEXT}
"""Part of a message in either dialect; parts hold parts (tool results, documents)."""

_OPENAI_CALL: Shape = {
    "function": {"name": _NAME, "arguments": _ARGUMENTS},
    "custom": {"name": _NAME, "input": _TEXT},
}

_OPENAI_MESSAGE: Shape = {
    "role": _NOTHING,
    "tool_call_id": _NOTHING,
    "audio": {"transcript": _TEXT},
    "cache_control": _NOTHING,
    "name": _TEXT,
    "content": _PART,
    "refusal": _TEXT,
    "reasoning": _TEXT,
    "reasoning_content": _TEXT,
    "tool_calls": _OPENAI_CALL,
    "function_call": {"name": _NAME, "arguments": _ARGUMENTS},
    "annotations": {"url_citation": {"title": _TEXT}},
    OTHERS: _JSON,
}

_FUNCTION: Shape = {"name": _NAME, "description": _TEXT, "parameters": _JSON}

_OPENAI_REQUEST: Shape = {
    "messages": _OPENAI_MESSAGE,
    "tools": {
        "function": _FUNCTION,
        "custom": {"name": _NAME, "description": _TEXT, "format": {"grammar": {"definition": _TEXT}}},
    },
    "functions": _FUNCTION,
    "response_format": {"json_schema": {"name": _NAME, "description": _TEXT, "schema": _JSON}},
    "prediction": {"content": _PART},
}

_ANTHROPIC_MESSAGE: Shape = {"role": _NOTHING, "content": _PART}

_ANTHROPIC_REQUEST: Shape = {
    "system": _PART,
    "messages": _ANTHROPIC_MESSAGE,
    "tools": {"name": _NAME, "description": _TEXT, "input_schema": _JSON, "input_examples": _JSON},
    "output_format": {"schema": _JSON},
    "output_config": {"format": {"schema": _JSON}},
}

REQUESTS: Final[dict[Dialect, Shape]] = {"openai": _OPENAI_REQUEST, "anthropic": _ANTHROPIC_REQUEST}

ANSWERS: Final[dict[Dialect, Shape]] = {
    "openai": {"choices": {"message": _OPENAI_MESSAGE, "logprobs": Kind.REPEAT}},
    "anthropic": {"content": _PART},
}

PART: Final[Shape] = _PART
"""One part of a message, or one of Anthropic's content blocks."""
