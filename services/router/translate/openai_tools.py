"""Tools and the choice among them, from Anthropic's dialect to OpenAI's."""

from typing import Any

from shared.errors import InvalidRequest
from shared.wire.anthropic_request import Tool, ToolChoice

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def openai_tools(tools: list[Tool]) -> list[dict[str, Any]]:
    """Return tools as OpenAI's functions; raises `InvalidRequest` for Anthropic's own tools."""
    return [_tool(tool, index) for index, tool in enumerate(tools)]


def _tool(tool: Tool, index: int) -> dict[str, Any]:
    if tool.type not in (None, "custom"):
        param = f"tools[{index}].type"
        raise InvalidRequest(f"A tool of type '{str(tool.type)[:64]}' is not possible with this model.", param=param)
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.input_schema is not None:
        function["parameters"] = tool.input_schema
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def openai_tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    """Return the tool choice; raises `InvalidRequest` for one that is not known."""
    if choice.type in _CHOICES:
        return _CHOICES[choice.type]
    if choice.type == "tool" and choice.name:
        return {"type": "function", "function": {"name": choice.name}}
    raise InvalidRequest("This 'tool_choice' is not possible with this model.", param="tool_choice")
