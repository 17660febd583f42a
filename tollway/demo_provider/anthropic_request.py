"""What Anthropic's `/v1/messages` accepts, checked as strictly as the real one does.

Fields and rules are those of Anthropic's API reference for "Create a Message".
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta

from tollway.demo_provider.schema import Ignored, Name, PositiveInt, Strict


class Base64Source(Strict, tag_field="type", tag="base64"):
    """An image or document in base64."""

    media_type: str
    data: str


class UrlSource(Strict, tag_field="type", tag="url"):
    """An image or document by its address."""

    url: str


class FileSource(Strict, tag_field="type", tag="file"):
    """An image or document uploaded before."""

    file_id: str


class TextSource(Strict, tag_field="type", tag="text"):
    """A document that is plain text."""

    data: str
    media_type: Literal["text/plain"]


class ContentSource(Strict, tag_field="type", tag="content"):
    """A document made of content blocks."""

    content: Ignored


class TextBlock(Strict, tag_field="type", tag="text"):
    """A text within a message."""

    text: str
    cache_control: Ignored = UNSET
    citations: Ignored = UNSET


class ImageBlock(Strict, tag_field="type", tag="image"):
    """An image within a message."""

    source: Base64Source | UrlSource | FileSource
    cache_control: Ignored = UNSET
    transformations: Ignored = UNSET


class DocumentBlock(Strict, tag_field="type", tag="document"):
    """A document within a message."""

    source: Base64Source | UrlSource | FileSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    cache_control: Ignored = UNSET
    citations: Ignored = UNSET


class SearchResultBlock(Strict, tag_field="type", tag="search_result"):
    """A search result within a message."""

    source: str
    title: str
    content: list[TextBlock]
    cache_control: Ignored = UNSET
    citations: Ignored = UNSET


class ThinkingBlock(Strict, tag_field="type", tag="thinking"):
    """What the model thought before, with the signature it was given."""

    thinking: str
    signature: str


class RedactedThinkingBlock(Strict, tag_field="type", tag="redacted_thinking"):
    """What the model thought before, encrypted."""

    data: str


class ToolUseBlock(Strict, tag_field="type", tag="tool_use"):
    """A call that the model made before."""

    id: Name
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    input: dict[str, Any]
    cache_control: Ignored = UNSET
    caller: Ignored = UNSET


class ToolResultBlock(Strict, tag_field="type", tag="tool_result"):
    """What a tool that the model called has answered."""

    tool_use_id: Name
    content: str | list[TextBlock | ImageBlock | DocumentBlock | SearchResultBlock] = ""
    is_error: bool | None = None
    cache_control: Ignored = UNSET


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)


class Message(Strict):
    """One turn; the system prompt is a field of the request and no role."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class Tool(Strict):
    """A function that the model may call, or with another `type` one of the provider's own tools."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input_schema: dict[str, Any] | None = None
    type: str | None = None
    description: str | None = None
    cache_control: Ignored = UNSET
    strict: bool | None = None
    allowed_callers: Ignored = UNSET
    defer_loading: Ignored = UNSET
    eager_input_streaming: Ignored = UNSET
    input_examples: Ignored = UNSET
    allowed_domains: Ignored = UNSET
    blocked_domains: Ignored = UNSET
    max_uses: Ignored = UNSET
    user_location: Ignored = UNSET


class ToolChoice(Strict):
    """Whether tools may, must or must not be called, or which one must be."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class Thinking(Strict):
    """Whether the model thinks aloud before it answers."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=1024)] | None = None
    display: str | None = None


class Metadata(Strict):
    """Who is asking."""

    user_id: str | None = None


class MessagesRequest(Strict, kw_only=True):
    """The body of a request for a message; what changes nothing here is accepted unread."""

    model: Annotated[str, Meta(min_length=1)]
    messages: list[Message]
    max_tokens: PositiveInt
    stream: bool = False
    system: str | list[TextBlock] = ""
    stop_sequences: list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    metadata: Metadata | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    cache_control: Ignored = UNSET
    container: Ignored = UNSET
    context_management: Ignored = UNSET
    diagnostics: Ignored = UNSET
    inference_geo: Ignored = UNSET
    mcp_servers: Ignored = UNSET
    output_config: Ignored = UNSET
    service_tier: Literal["auto", "standard_only"] | None = None
    speed: str | None = None


class LenientMessagesRequest(MessagesRequest, forbid_unknown_fields=False):
    """A request for a message whose unknown top-level fields are ignored."""


decode = msgspec.json.Decoder(MessagesRequest).decode
decode_leniently = msgspec.json.Decoder(LenientMessagesRequest).decode
