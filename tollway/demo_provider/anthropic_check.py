"""Rules that Anthropic enforces across the fields of a request, and what the request asks for."""

from functools import partial

import msgspec

from tollway.demo_provider import anthropic_request as wire
from tollway.demo_provider.ask import IMAGE_TOKENS, Ask, RefusedError, Tool, nonce_in, tokens_in
from tollway.demo_provider.decoding import missing_field, path_of, reason_of, unknown_field, wants_lenience

_invalid = partial(RefusedError, 400)


def ask_in(body: bytes, header: str) -> Ask:
    """Return what a request for a message asks for.

    Raises RefusedError with Anthropic's words, UnknownBehaviourError.
    """
    request = _decoded(body, header)
    _check_fields(request)
    _check_tool_results(request.messages)
    users = [message for message in request.messages if message.role == "user"]
    last_user = _text(users[-1].content)
    return Ask(
        model=request.model,
        stream=request.stream,
        include_usage=True,
        max_tokens=request.max_tokens,
        stop=tuple(request.stop_sequences or ()),
        last_user=last_user,
        tool_result=_tool_result(request.messages[-1]),
        tools=tuple(Tool(tool.name, tool.input_schema or {}) for tool in request.tools or ()),
        forced_tool=_forced(request.tool_choice),
        parallel=not (request.tool_choice and request.tool_choice.disable_parallel_tool_use),
        thinking=request.thinking is not None and request.thinking.type in ("enabled", "adaptive"),
        nonce=(request.metadata and request.metadata.user_id) or nonce_in(last_user),
        input_tokens=_tokens(request.system) + sum(3 + _tokens(message.content) for message in request.messages),
    )


def _decoded(body: bytes, header: str) -> wire.MessagesRequest:
    try:
        return wire.decode(body)
    except msgspec.ValidationError as error:
        if field := unknown_field(error):
            if wants_lenience(body, header):
                return wire.decode_leniently(body)
            raise _invalid(f"{field}: Extra inputs are not permitted") from None
        if field := missing_field(error):
            raise _invalid(f"{field}: Field required") from None
        raise _invalid(f"{path_of(error) or 'body'}: {reason_of(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _invalid("The request body is not valid JSON") from None


def _check_fields(request: wire.MessagesRequest) -> None:
    if not request.messages:
        raise _invalid("messages: at least one message is required")
    if request.messages[0].role != "user":
        raise _invalid('messages: first message must use the "user" role')
    for index, message in enumerate(request.messages):
        is_last_answer = index == len(request.messages) - 1 and message.role == "assistant"
        if not message.content and not is_last_answer:
            raise _invalid(f"messages.{index}: all messages must have non-empty content")
        if any(isinstance(block, wire.TextBlock) and not block.text for block in _blocks(message)):
            raise _invalid("messages: text content blocks must be non-empty")
    for tool in request.tools or ():
        if tool.type in (None, "custom") and tool.input_schema is None:
            raise _invalid(f"tools.{tool.name}.input_schema: Field required")
    if request.tool_choice is not None:
        _check_tool_choice(request.tool_choice, request.tools)
    _check_thinking(request)


def _check_tool_choice(choice: wire.ToolChoice, tools: list[wire.Tool] | None) -> None:
    if choice.type in ("any", "tool") and not tools:
        raise _invalid("tool_choice: may only be specified while providing tools")
    if choice.type == "tool" and choice.name is None:
        raise _invalid("tool_choice.tool.name: Field required")


def _check_thinking(request: wire.MessagesRequest) -> None:
    thinking = request.thinking
    if thinking is None or thinking.type != "enabled":
        return
    if thinking.budget_tokens is None:
        raise _invalid("thinking.enabled.budget_tokens: Field required")
    if thinking.budget_tokens >= request.max_tokens:
        raise _invalid("`max_tokens` must be greater than `thinking.budget_tokens`")


def _check_tool_results(messages: list[wire.Message]) -> None:
    called: list[str] = []
    for index, message in enumerate(messages):
        blocks = _blocks(message)
        results = [block.tool_use_id for block in blocks if isinstance(block, wire.ToolResultBlock)]
        if missing := [call for call in called if call not in results]:
            raise _invalid(
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in "
                "the next message."
            )
        if unexpected := [result for result in results if result not in called]:
            raise _invalid(
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{', '.join(unexpected)}. Each `tool_result` block must have a corresponding `tool_use` block in "
                "the previous message."
            )
        called = [block.id for block in blocks if isinstance(block, wire.ToolUseBlock)]
        if called and message.role == "user":
            raise _invalid(f"messages.{index}: `tool_use` blocks can only be in `assistant` messages")
    if called:
        raise _invalid(
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(called)}."
        )


def _blocks(message: wire.Message) -> list[wire.Block]:
    return [] if isinstance(message.content, str) else message.content


def _forced(choice: wire.ToolChoice | None) -> str | None:
    if choice is None or choice.type not in ("any", "tool"):
        return None
    return choice.name or ""


def _tool_result(message: wire.Message) -> str | None:
    results = [block for block in _blocks(message) if isinstance(block, wire.ToolResultBlock)]
    return _text(results[-1].content) if results else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(block.text for block in blocks if isinstance(block, wire.TextBlock))


def _tokens(content: object) -> int:
    tokens = tokens_in(_text(content))
    for block in content if isinstance(content, list) else ():
        if isinstance(block, wire.ToolResultBlock):
            tokens += _tokens(block.content)
        elif isinstance(block, wire.ImageBlock | wire.DocumentBlock):
            tokens += IMAGE_TOKENS
        elif isinstance(block, wire.ToolUseBlock):
            tokens += tokens_in(str(block.input))
    return tokens
