"""A conversation, from OpenAI's dialect to Anthropic's: system prompt apart, turns that alternate."""

from dataclasses import dataclass, field
from typing import Any

from services.router.translate.arguments import to_anthropic_id, to_input
from services.router.translate.media import document_block, image_source
from shared.errors import InvalidRequest
from shared.wire.openai_request import Message, Part

Block = dict[str, Any]


@dataclass(slots=True)
class Conversation:
    """System texts and turns, each turn being a role and its blocks."""

    system: list[Block] = field(default_factory=list)
    turns: list[tuple[str, list[Block]]] = field(default_factory=list)

    def add(self, role: str, blocks: list[Block]) -> None:
        """Append blocks to the last turn where it has the same role, since Anthropic's turns alternate."""
        if not blocks:
            return
        if self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(blocks)
        else:
            self.turns.append((role, blocks))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The turns as Anthropic's messages."""
        return [{"role": role, "content": _content(blocks)} for role, blocks in self.turns]


def anthropic_conversation(messages: list[Message]) -> Conversation:
    """Return the conversation; raises `InvalidRequest` that names what Anthropic's dialect cannot say.

    System and developer messages move to the system prompt, from wherever they stand. A conversation of nothing
    else becomes the user's words, since Anthropic needs some.
    """
    conversation = Conversation()
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if message.role in ("system", "developer"):
            conversation.system += _blocks(message, place)
        elif message.role == "assistant":
            conversation.add("assistant", _assistant(message, place))
        elif message.role == "tool":
            conversation.add("user", [_tool_result(message, place)])
        elif message.role == "user":
            conversation.add("user", _blocks(message, place))
        else:
            raise InvalidRequest(
                f"A message of role '{message.role[:32]}' is not possible with this model.", param=f"{place}.role"
            )
    if not conversation.turns:
        conversation.add("user", conversation.system)
        conversation.system = []
    _trim_last(conversation.turns)
    return conversation


def _trim_last(turns: list[tuple[str, list[Block]]]) -> None:
    # Anthropic refuses a last assistant turn, which its answer continues, that ends in white space.
    if turns and turns[-1][0] == "assistant" and turns[-1][1][-1]["type"] == "text":
        last = turns[-1][1][-1]
        last["text"] = last["text"].rstrip() or last["text"]


def _content(blocks: list[Block]) -> str | list[Block]:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _assistant(message: Message, place: str) -> list[Block]:
    if message.function_call is not None:
        raise InvalidRequest(
            "'function_call' is not possible with this model; use 'tool_calls'.", param=f"{place}.function_call"
        )
    if message.audio is not None:
        raise InvalidRequest("'audio' is not possible with this model.", param=f"{place}.audio")
    blocks = [*_thinking(message), *_blocks(message, place)]
    if message.refusal:
        blocks.append({"type": "text", "text": message.refusal})
    for index, call in enumerate(message.tool_calls or ()):
        if call.function is None:
            param = f"{place}.tool_calls[{index}].type"
            raise InvalidRequest(f"A call of type '{call.type[:64]}' is not possible with this model.", param=param)
        called = {"id": to_anthropic_id(call.id), "name": call.function.name}
        blocks.append({"type": "tool_use", **called, "input": to_input(call.function.arguments)})
    return blocks


def _thinking(message: Message) -> list[Block]:
    """Return the thinking that can be sent back: Anthropic takes none without its signature."""
    blocks: list[Block] = []
    for block in message.thinking_blocks or ():
        if block.get("type") == "thinking" and block.get("signature"):
            blocks.append({name: block.get(name, "") for name in ("type", "thinking", "signature")})
        elif block.get("type") == "redacted_thinking" and block.get("data"):
            blocks.append({name: block[name] for name in ("type", "data")})
    return blocks


def _tool_result(message: Message, place: str) -> Block:
    if not message.tool_call_id:
        raise InvalidRequest(f"'{place}.tool_call_id' is missing.", param=f"{place}.tool_call_id")
    block: Block = {"type": "tool_result", "tool_use_id": to_anthropic_id(message.tool_call_id)}
    content = _blocks(message, place)
    if content:
        block["content"] = _content(content)
    if message.is_error is not None:
        block["is_error"] = message.is_error
    return _marked(block, None if content else message.cache_control)


def _blocks(message: Message, place: str) -> list[Block]:
    content = message.content
    if content is None:
        blocks: list[Block] = []
    elif isinstance(content, str):
        blocks = [{"type": "text", "text": content}] if content else []
    else:
        blocks = [
            _block(part, f"{place}.content[{index}]") for index, part in enumerate(content) if not _is_empty(part)
        ]
    if blocks:
        _marked(blocks[-1], message.cache_control)
    return blocks


def _is_empty(part: Part) -> bool:
    """Tell whether a part is a text without a character: Anthropic refuses those, and they say nothing."""
    return part.type == "text" and not part.text


def _block(part: Part, place: str) -> Block:
    return _marked(_unmarked(part, place), part.cache_control)


def _marked(block: Block, cache_control: Any) -> Block:
    if cache_control is not None:
        block["cache_control"] = cache_control
    return block


def _unmarked(part: Part, place: str) -> Block:
    if part.type == "text":
        return {"type": "text", "text": part.text}
    if part.type == "refusal":
        return {"type": "text", "text": part.refusal or ""}
    if part.type == "image_url" and part.image_url is not None:
        url = part.image_url if isinstance(part.image_url, str) else part.image_url.url
        return {"type": "image", "source": image_source(url, f"{place}.image_url")}
    if part.type == "file" and part.file is not None:
        return document_block(part.file, f"{place}.file")
    raise InvalidRequest(f"A part of type '{part.type[:64]}' is not possible with this model.", param=f"{place}.type")
