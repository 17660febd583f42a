"""Rules that OpenAI enforces across the fields of a chat request, and what the request asks for."""

from functools import partial

import msgspec

from tollway.demo_provider import openai_request as wire
from tollway.demo_provider.ask import IMAGE_TOKENS, Ask, RefusedError, Tool, nonce_in, tokens_in
from tollway.demo_provider.decoding import missing_field, path_of, reason_of, unknown_field, wants_lenience

_invalid = partial(RefusedError, 400)


def ask_in(body: bytes, header: str) -> Ask:
    """Return what a chat request asks for.

    Raises RefusedError with OpenAI's words, UnknownBehaviourError.
    """
    request = _decoded(body, header)
    _check_fields(request)
    _check_tool_results(request.messages)
    last = request.messages[-1]
    user = next((m for m in reversed(request.messages) if isinstance(m, wire.UserMessage)), None)
    last_user = _text(user.content) if user else ""
    return Ask(
        model=request.model,
        stream=bool(request.stream),
        include_usage=bool(request.stream_options and request.stream_options.include_usage),
        max_tokens=request.max_completion_tokens or request.max_tokens,
        n=request.n or 1,
        stop=(request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ()),
        last_user=last_user,
        tool_result=_text(last.content) if isinstance(last, wire.ToolMessage) else None,
        tools=tuple(Tool(t.function.name, t.function.parameters or {}) for t in request.tools or ()),
        forced_tool=_forced(request.tool_choice),
        parallel=request.parallel_tool_calls is not False,
        nonce=(request.metadata or {}).get("nonce") or request.user or nonce_in(last_user),
        input_tokens=sum(_tokens(message) for message in request.messages),
    )


def _decoded(body: bytes, header: str) -> wire.ChatRequest:
    try:
        return wire.decode(body)
    except msgspec.ValidationError as error:
        if field := unknown_field(error):
            if wants_lenience(body, header):
                return wire.decode_leniently(body)
            message = f"Unrecognized request argument supplied: {field}"
            raise _invalid(message, param=field, code="unknown_parameter") from None
        if field := missing_field(error):
            message = f"Missing required parameter: '{field}'."
            raise _invalid(message, param=field, code="missing_required_parameter") from None
        path = path_of(error)
        raise _invalid(f"Invalid value for '{path}': {reason_of(error)}", param=path, code="invalid_value") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _invalid("We could not parse the JSON body of your request.") from None


def _check_fields(request: wire.ChatRequest) -> None:
    if not request.model:
        raise _invalid("you must provide a model parameter")
    if not request.messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise _invalid(message, param="messages", code="empty_array")
    if request.stream_options is not None and not request.stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise _invalid(message, param="stream_options")
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise _invalid(message, code="invalid_parameter_combination")
    if not request.tools:
        for field in ("tool_choice", "parallel_tool_calls"):
            if getattr(request, field) is not None:
                raise _invalid(f"'{field}' is only allowed when 'tools' are specified.", param=field)


def _check_tool_results(messages: list[wire.Message]) -> None:
    missing: set[str] = set()
    known: set[str] = set()
    for index, message in enumerate(messages):
        if isinstance(message, wire.ToolMessage):
            if message.tool_call_id not in known:
                text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise _invalid(f"Invalid parameter: {text}", param=f"messages.[{index}].role")
            missing.discard(message.tool_call_id)
            continue
        _refuse_missing(missing, index)
        calls = (message.tool_calls or ()) if isinstance(message, wire.AssistantMessage) else ()
        known = {call.id for call in calls}
        missing = set(known)
    _refuse_missing(missing, len(messages))


def _refuse_missing(missing: set[str], index: int) -> None:
    if missing:
        raise _invalid(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(sorted(missing)),
            param=f"messages.[{index}].role",
        )


def _forced(choice: str | wire.ToolChoice | None) -> str | None:
    if isinstance(choice, wire.ToolChoice):
        return choice.function.name
    return "" if choice == "required" else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part.text for part in parts if isinstance(part, wire.TextPart))


def _tokens(message: wire.Message) -> int:
    content = message.content
    tokens = tokens_in(_text(content)) + 3
    if isinstance(content, list):
        tokens += sum(
            IMAGE_TOKENS for part in content if isinstance(part, wire.ImagePart | wire.AudioPart | wire.FilePart)
        )
    if isinstance(message, wire.AssistantMessage) and message.tool_calls:
        tokens += sum(tokens_in(call.function.arguments) for call in message.tool_calls)
    return tokens
