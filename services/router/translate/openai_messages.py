"""A conversation, from Anthropic's dialect to OpenAI's: tool results become messages of their own."""

from typing import Any

from services.router.translate.arguments import to_arguments
from services.router.translate.media import file_data, image_url
from shared.errors import InvalidRequest
from shared.wire.anthropic_request import Block, MessagesRequest, Source

Part = dict[str, Any]
Message = dict[str, Any]

SEE_NEXT = "(The result is in the next message.)"
"""What stands in a tool's message whose result has no text: OpenAI's tools can only answer in text."""


def openai_messages(request: MessagesRequest) -> list[Message]:
    """Return the conversation; raises `InvalidRequest` that names what OpenAI's dialect cannot say."""
    messages: list[Message] = []
    if request.system:
        messages.append(_system(request.system, "system"))
    for index, message in enumerate(request.messages):
        place = f"messages[{index}]"
        if message.role == "assistant":
            messages.append(_assistant(message.content, place))
        elif message.role == "system":
            messages.append(_system(message.content, place))
        else:
            messages += _user(message.content, place)
    return messages


def _system(content: str | list[Block], place: str) -> Message:
    return {"role": "system", "content": content if isinstance(content, str) else _text_of(content, place)}


def _text_of(blocks: list[Block], place: str) -> str:
    for index, block in enumerate(blocks):
        if block.type != "text":
            raise _impossible(block, f"{place}.content[{index}]")
    return "\n\n".join(block.text for block in blocks if block.text)


def _assistant(content: str | list[Block], place: str) -> Message:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for index, block in enumerate(content):
        if block.type == "text":
            texts.append(block.text)
        elif block.type == "tool_use":
            function = {"name": block.name, "arguments": to_arguments(block.input)}
            calls.append({"id": block.id, "type": "function", "function": function})
        elif block.type not in ("thinking", "redacted_thinking"):
            raise _impossible(block, f"{place}.content[{index}]")
    message: Message = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    if calls:
        message["tool_calls"] = calls
    return message


def _user(content: str | list[Block], place: str) -> list[Message]:
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[Message] = []
    parts: list[Part] = []
    for index, block in enumerate(content):
        where = f"{place}.content[{index}]"
        if block.type == "tool_result":
            result, media = _tool_result(block, where)
            results.append(result)
            parts += media
        else:
            parts += _parts(block, where)
    return [*results, {"role": "user", "content": _content(parts)}] if parts or not results else results


def _content(parts: list[Part]) -> str | list[Part]:
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts


def _tool_result(block: Block, place: str) -> tuple[Message, list[Part]]:
    """Return the tool's message, and its images and files, which have to follow in the user's."""
    content = block.content or ""
    if isinstance(content, str):
        parts: list[Part] = [{"type": "text", "text": content}] if content else []
    else:
        parts = [part for n, inner in enumerate(content) for part in _parts(inner, f"{place}.content[{n}]")]
    texts = [part for part in parts if part["type"] == "text"]
    media = [part for part in parts if part["type"] != "text"]
    if media and not texts:
        texts = [{"type": "text", "text": SEE_NEXT}]
    if block.is_error:
        texts = [{"type": "text", "text": "Error: " + (texts[0]["text"] if texts else "")}, *texts[1:]]
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": _content(texts)}, media


def _parts(block: Block, place: str) -> list[Part]:
    if block.type == "text":
        return [{"type": "text", "text": block.text}]
    if block.type == "image":
        return [{"type": "image_url", "image_url": {"url": image_url(block.source, f"{place}.source")}}]
    if block.type == "document" and isinstance(block.source, Source):
        return _document(block, block.source, place)
    if block.type == "search_result":
        head = f"{block.title or ''} ({block.source if isinstance(block.source, str) else ''})"
        content = block.content if isinstance(block.content, list) else []
        return [{"type": "text", "text": f"{head}\n{_text_of(content, place)}"}]
    raise _impossible(block, place)


def _document(block: Block, source: Source, place: str) -> list[Part]:
    head = "\n".join(text for text in (block.title, block.context) if text)
    if source.type == "text":
        return [{"type": "text", "text": f"{head}\n{source.data}" if head else source.data}]
    if source.type == "content":
        inner = [Block(type="text", text=source.content)] if isinstance(source.content, str) else source.content or []
        parts = [part for n, block in enumerate(inner) for part in _parts(block, f"{place}.source.content[{n}]")]
        return [{"type": "text", "text": head}, *parts] if head else parts
    file = {"type": "file", "file": file_data(source, block.title, f"{place}.source")}
    return [{"type": "text", "text": block.context}, file] if block.context else [file]


def _impossible(block: Block, place: str) -> InvalidRequest:
    message = f"A block of type '{block.type[:64]}' is not possible with this model."
    return InvalidRequest(message, param=f"{place}.type")
