"""A request of an OpenAI client as Anthropic's `/v1/messages` takes it."""

from typing import Any

from msgspec import UNSET, Raw

from services.router.translate.anthropic_messages import Conversation, anthropic_conversation
from services.router.translate.anthropic_tools import anthropic_tool_choice, anthropic_tools
from services.router.translate.reasoning import budget_for
from services.router.translate.request_fields import refuse_fields, value_of
from shared.errors import InvalidRequest
from shared.wire.openai_request import ChatRequest

DEFAULT_MAX_TOKENS = 4_096
"""What an answer may have where the client set no limit: Anthropic's dialect requires one. LiteLLM's figure."""

_MAPPED = frozenset(ChatRequest.__struct_fields__) - {"thinking"} | {"model", "stream"}

_DROPPED = frozenset(
    {
        "frequency_penalty", "presence_penalty", "seed", "prediction", "store", "verbosity",
        "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    }
)  # fmt: skip
"""Fields that shape or hasten an answer without changing what it is: dropped, Anthropic has nothing like them."""

_REFUSED: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "modalities": (["text"], []),
    "audio": (),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "web_search_options": (),
    "moderation": (),
    "system": (),
}
"""Fields that Anthropic's dialect cannot express and that change the answer, each with the values that do not.

`system` is none of OpenAI's; passed on, it would be a prompt that no guardrail for this dialect looks for."""

_SERVICE_TIERS = {"auto": "auto", "default": "standard_only"}

_NOT_WITH_THINKING = ("temperature", "top_k")


def anthropic_request(request: ChatRequest, fields: dict[str, Raw], model: str, *, stream: bool) -> dict[str, Any]:
    """Return the body for Anthropic; raises `InvalidRequest` that names what its dialect cannot express.

    Fields that are none of OpenAI's (`top_k`, `thinking`, …) go on as they came.
    """
    refuse_fields(fields, _REFUSED)
    conversation = anthropic_conversation(request.messages)
    body: dict[str, Any] = {"model": model, "max_tokens": 0, "messages": conversation.messages}
    if conversation.system:
        body["system"] = _system(conversation)
    if stream:
        body["stream"] = True
    if request.tools:
        body["tools"] = anthropic_tools(request.tools)
    if (choice := anthropic_tool_choice(request)) is not None:
        body["tool_choice"] = choice
    body |= _sampling(request) | _identity(request) | _output_config(request)
    unknown = fields.keys() - _MAPPED - _DROPPED - _REFUSED.keys()
    body = {name: value for name, value in fields.items() if name in unknown} | body
    _limit_and_think(body, request, conversation)
    return body


def _system(conversation: Conversation) -> str | list[dict[str, Any]]:
    blocks = conversation.system
    if len(blocks) == 1 and "cache_control" not in blocks[0]:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _sampling(request: ChatRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if request.temperature is not None:
        fields["temperature"] = min(request.temperature, 1.0)
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    if request.stop:
        fields["stop_sequences"] = [request.stop] if isinstance(request.stop, str) else request.stop
    return fields


def _identity(request: ChatRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if user := request.user or request.safety_identifier:
        fields["metadata"] = {"user_id": user}
    if tier := _SERVICE_TIERS.get(request.service_tier or ""):
        fields["service_tier"] = tier
    return fields


def _output_config(request: ChatRequest) -> dict[str, Any]:
    form = request.response_format
    if form is None or form.get("type") == "text":
        return {}
    wanted = form.get("json_schema")
    if form.get("type") == "json_schema" and isinstance(wanted, dict) and isinstance(wanted.get("schema"), dict):
        return {"output_config": {"format": {"type": "json_schema", "schema": wanted["schema"]}}}
    raise InvalidRequest("This 'response_format' is not possible with this model.", param="response_format")


def _limit_and_think(body: dict[str, Any], request: ChatRequest, conversation: Conversation) -> None:
    limit = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    budget = 0
    if request.reasoning_effort and request.thinking is UNSET and _may_think(body, conversation):
        budget = budget_for(request.reasoning_effort, limit)
    if budget:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        for name in _NOT_WITH_THINKING:
            body.pop(name, None)
        if body.get("top_p", 1.0) < 0.95:
            del body["top_p"]
    body["max_tokens"] = limit if limit is not None else budget + DEFAULT_MAX_TOKENS + _own_budget(request)


def _own_budget(request: ChatRequest) -> int:
    """Return the budget that a client set in Anthropic's own words."""
    thinking = value_of(request.thinking, "thinking") if request.thinking is not UNSET else None
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    return budget if isinstance(budget, int) and 0 < budget < 1_000_000 else 0


def _may_think(body: dict[str, Any], conversation: Conversation) -> bool:
    """Tell whether Anthropic lets the model think here.

    It refuses thinking with a demanded tool call, and within a tool loop whose call came without its thinking;
    an effort is a wish, so the model then answers without.
    """
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        return False
    if not _ends_in_results(conversation) or len(conversation.turns) < 2:
        return True
    return any(block["type"].endswith("thinking") for block in conversation.turns[-2][1])


def _ends_in_results(conversation: Conversation) -> bool:
    return any(block["type"] == "tool_result" for block in conversation.turns[-1][1])
