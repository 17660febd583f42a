"""Tools and the choice among them, from OpenAI's dialect to Anthropic's."""

from typing import Any

from shared.errors import InvalidRequest
from shared.wire.openai_request import ChatRequest, Tool, ToolChoice

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def anthropic_tools(tools: list[Tool]) -> list[dict[str, Any]]:
    """Return function tools as Anthropic's; raises `InvalidRequest` for other kinds."""
    return [_tool(tool, index) for index, tool in enumerate(tools)]


def _tool(tool: Tool, index: int) -> dict[str, Any]:
    function = tool.function
    if function is None:
        param = f"tools[{index}].type"
        raise InvalidRequest(f"A tool of type '{tool.type[:64]}' is not possible with this model.", param=param)
    fields: dict[str, Any] = {"name": function.name}
    if function.description is not None:
        fields["description"] = function.description
    fields["input_schema"] = function.parameters or {"type": "object", "properties": {}}
    if function.strict:
        fields["strict"] = True
    if tool.cache_control is not None:
        fields["cache_control"] = tool.cache_control
    return fields


def anthropic_tool_choice(request: ChatRequest) -> dict[str, Any] | None:
    """Return the tool choice with the wish for parallel calls in it, or None to leave it at Anthropic's default."""
    if not request.tools:
        return None
    choice = _choice(request.tool_choice)
    if request.parallel_tool_calls is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def _choice(choice: str | ToolChoice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    if isinstance(choice, str) and choice in _CHOICES:
        return {"type": _CHOICES[choice]}
    if isinstance(choice, ToolChoice) and choice.function is not None:
        return {"type": "tool", "name": choice.function.name}
    raise InvalidRequest("This 'tool_choice' is not possible with this model.", param="tool_choice")
