"""A request of an Anthropic client as OpenAI's `/chat/completions` takes it."""

from typing import Any

from msgspec import Raw

from services.router.translate.openai_messages import openai_messages
from services.router.translate.openai_tools import openai_tool_choice, openai_tools
from services.router.translate.reasoning import effort_for
from services.router.translate.request_fields import refuse_fields
from shared.errors import InvalidRequest
from shared.wire.anthropic_request import MessagesRequest

_AS_THEY_ARE = frozenset({"temperature", "top_p"})

_MAPPED = frozenset(MessagesRequest.__struct_fields__) | {"model", "stream"}

_DROPPED = frozenset({"stream_options", "top_k", "cache_control", "context_management", "diagnostics", "speed"})
"""Fields that shape or hasten an answer without changing what it is: dropped, OpenAI has nothing like them."""

_REFUSED: dict[str, tuple[Any, ...]] = {
    "container": (),
    "inference_geo": (),
    "mcp_servers": ([],),
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "modalities": (["text"], []),
    "audio": (),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "web_search_options": (),
}
"""Fields that change the answer or where it is made, each with the values that do not.

The first three have no form in OpenAI's dialect. The others are OpenAI's own, which would go on as unknown fields,
and what they bring has no form in the answer: more choices, for example, would be paid for and not seen."""

_SERVICE_TIERS = {"standard_only": "default"}


def openai_request(request: MessagesRequest, fields: dict[str, Raw], model: str, *, stream: bool) -> dict[str, Any]:
    """Return the body for OpenAI; raises `InvalidRequest` that names what its dialect cannot express.

    Fields that are none of Anthropic's (`seed`, `reasoning_effort`, …) go on as they came. The limit goes as
    `max_completion_tokens`, the only one that OpenAI's reasoning models take.
    """
    refuse_fields(fields, _REFUSED)
    body: dict[str, Any] = {
        "model": model,
        "max_completion_tokens": request.max_tokens,
        "messages": openai_messages(request),
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    body |= _tools(request) | _identity(request) | _output(request)
    if request.stop_sequences:
        body["stop"] = request.stop_sequences
    passed = fields.keys() - _MAPPED - _DROPPED - _REFUSED.keys()
    return {name: value for name, value in fields.items() if name in passed and _is_set(name, value)} | body


def _is_set(name: str, value: Raw) -> bool:
    return name not in _AS_THEY_ARE or bytes(value) != b"null"


def _tools(request: MessagesRequest) -> dict[str, Any]:
    if not request.tools:
        return {}
    fields: dict[str, Any] = {"tools": openai_tools(request.tools)}
    choice = request.tool_choice
    if choice is not None:
        fields["tool_choice"] = openai_tool_choice(choice)
        if choice.disable_parallel_tool_use:
            fields["parallel_tool_calls"] = False
    return fields


def _identity(request: MessagesRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if request.metadata is not None and request.metadata.user_id:
        fields["user"] = request.metadata.user_id
    if tier := _SERVICE_TIERS.get(request.service_tier or ""):
        fields["service_tier"] = tier
    return fields


def _output(request: MessagesRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    config, thinking = request.output_config, request.thinking
    if thinking is not None and thinking.type == "enabled" and thinking.budget_tokens is not None:
        fields["reasoning_effort"] = effort_for(thinking.budget_tokens)
    if config is None:
        return fields
    if config.effort is not None and (thinking is None or thinking.type != "disabled"):
        fields["reasoning_effort"] = config.effort
    if config.format is not None:
        fields["response_format"] = _response_format(config.format)
    return fields


def _response_format(form: dict[str, Any]) -> dict[str, Any]:
    schema = form.get("schema")
    if form.get("type") != "json_schema" or not isinstance(schema, dict):
        raise InvalidRequest(
            "This 'output_config.format' is not possible with this model.", param="output_config.format"
        )
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
