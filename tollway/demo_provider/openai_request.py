"""What OpenAI's `/v1/chat/completions` accepts, checked as strictly as the real one does.

Fields and rules are those of OpenAI's API reference for "Create chat completion".
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta

from tollway.demo_provider.schema import Ignored, Name, PositiveInt, Strict


class TextPart(Strict, tag_field="type", tag="text"):
    """A text within a message."""

    text: str
    prompt_cache_breakpoint: Ignored = UNSET


class ImageUrl(Strict):
    """Where an image is: an address or a data URL."""

    url: str
    detail: Literal["auto", "low", "high", "original"] = "auto"


class ImagePart(Strict, tag_field="type", tag="image_url"):
    """An image within a user's message."""

    image_url: ImageUrl
    prompt_cache_breakpoint: Ignored = UNSET


class InputAudio(Strict):
    """Sound in base64."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(Strict, tag_field="type", tag="input_audio"):
    """A sound within a user's message."""

    input_audio: InputAudio
    prompt_cache_breakpoint: Ignored = UNSET


class FileData(Strict):
    """A file by its id or its content in base64."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class FilePart(Strict, tag_field="type", tag="file"):
    """A file within a user's message."""

    file: FileData
    prompt_cache_breakpoint: Ignored = UNSET


class RefusalPart(Strict, tag_field="type", tag="refusal"):
    """A refusal within an assistant's message."""

    refusal: str


class CalledFunction(Strict):
    """A function's name and its arguments as JSON text."""

    name: str
    arguments: str


class FunctionCall(Strict, tag_field="type", tag="function"):
    """A call that the assistant made."""

    id: str
    function: CalledFunction


UserPart = TextPart | ImagePart | AudioPart | FilePart


class SystemMessage(Strict, tag_field="role", tag="system"):
    """What the application tells the model."""

    content: str | list[TextPart]
    name: str | None = None


class DeveloperMessage(Strict, tag_field="role", tag="developer"):
    """What the application tells a newer model."""

    content: str | list[TextPart]
    name: str | None = None


class UserMessage(Strict, tag_field="role", tag="user"):
    """What the user says."""

    content: str | list[UserPart]
    name: str | None = None


class AssistantMessage(Strict, tag_field="role", tag="assistant"):
    """What the model said before."""

    content: str | list[TextPart | RefusalPart] | None = None
    name: str | None = None
    refusal: str | None = None
    annotations: list[dict[str, Any]] | None = None
    audio: dict[str, Any] | None = None
    tool_calls: Annotated[list[FunctionCall], Meta(min_length=1)] | None = None
    function_call: CalledFunction | None = None


class ToolMessage(Strict, tag_field="role", tag="tool"):
    """What a tool that the model called has answered."""

    content: str | list[TextPart]
    tool_call_id: str


class FunctionMessage(Strict, tag_field="role", tag="function"):
    """What a function that the model called has answered, in the old form."""

    content: str | None
    name: str


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage


class FunctionDefinition(Strict):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Strict, tag_field="type", tag="function"):
    """A tool that is a function."""

    function: FunctionDefinition


class NamedFunction(Strict):
    """A function by its name alone."""

    name: str


class ToolChoice(Strict, tag_field="type", tag="function"):
    """The one function that must be called."""

    function: NamedFunction


class StreamOptions(Strict):
    """What a stream carries beside the answer."""

    include_usage: bool = False
    include_obfuscation: bool = False


class ChatRequest(Strict, kw_only=True):
    """The body of a chat completion request; what changes nothing here is accepted unread."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: PositiveInt | None = None
    max_completion_tokens: PositiveInt | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    tools: Annotated[list[FunctionTool], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    user: str | None = None
    metadata: Annotated[dict[str, Annotated[str, Meta(max_length=512)]], Meta(max_length=16)] | None = None
    seed: int | None = None
    audio: Ignored = UNSET
    function_call: Ignored = UNSET
    functions: Ignored = UNSET
    logit_bias: Ignored = UNSET
    logprobs: bool | None = None
    modalities: Ignored = UNSET
    moderation: Ignored = UNSET
    prediction: Ignored = UNSET
    prompt_cache_key: str | None = None
    prompt_cache_options: Ignored = UNSET
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    response_format: Ignored = UNSET
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    verbosity: str | None = None
    web_search_options: Ignored = UNSET


class LenientChatRequest(ChatRequest, forbid_unknown_fields=False):
    """A chat completion request whose unknown top-level fields are ignored."""


decode = msgspec.json.Decoder(ChatRequest).decode
decode_leniently = msgspec.json.Decoder(LenientChatRequest).decode
