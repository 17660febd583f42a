"""Why an answer ended, in the words of each dialect."""

_TO_OPENAI = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "stop",
}

_TO_ANTHROPIC = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def to_finish_reason(stop_reason: str | None) -> str:
    """Return OpenAI's word for Anthropic's; one that is unknown is an ordinary end."""
    return _TO_OPENAI.get(stop_reason or "", "stop")


def to_stop_reason(finish_reason: str | None, *, calls_tools: bool, refuses: bool = False) -> str:
    """Return Anthropic's word for OpenAI's; one that is unknown is an ordinary end.

    OpenAI ends an answer with `stop` when the call was demanded by name, and says a refusal with `stop` too;
    clients of Anthropic act on the stop reason alone, so it has to tell.
    """
    reason = _TO_ANTHROPIC.get(finish_reason or "", "end_turn")
    if reason != "end_turn":
        return reason
    if calls_tools:
        return "tool_use"
    return "refusal" if refuses else reason
