"""Both vendors' SDKs behind one face, so that one suite of behaviour can drive each route."""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import openai
from openai.types.chat import ChatCompletion

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSVFT0Y="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass
class Said:
    """What a client read, in neutral words."""

    text: str
    finish: str
    calls: list[tuple[str, Any]] = field(default_factory=list)
    call_ids: list[str] = field(default_factory=list)
    thought: str = ""
    signature: str = ""
    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoned: int = 0
    raw: Any = None


class Talker(Protocol):
    """A client of one dialect."""

    async def say(self, model: str, prompt: str = "Hello", *, streamed: bool, **wishes: Any) -> Said:
        """Ask and return what the SDK made of the answer.

        Wishes: system, tools (names), choice (auto, any, none or a name), parallel, stop, max_tokens, temperature,
        user, image (base64 or a URL), document (base64), think, turns (in the dialect's own form), extra.
        """
        ...

    def tool_turns(self, said: Said, *results: Any) -> list[dict[str, Any]]:
        """Return the turns that follow an answer with calls: the answer and the tools' results."""
        ...


class OpenAITalker:
    """OpenAI's SDK."""

    def __init__(self, url: str) -> None:
        self.sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)

    async def say(self, model: str, prompt: str = "Hello", *, streamed: bool, **wishes: Any) -> Said:
        asked = {"model": model, **self._wishes(prompt, **wishes)}
        if not streamed:
            answer = await self.sdk.chat.completions.create(**asked)
            ChatCompletion.model_validate(answer.to_dict())
            return self._said(answer)
        options = {"stream_options": {"include_usage": True}}
        async with self.sdk.chat.completions.stream(**{**options, **asked}) as stream:
            async for _ in stream:
                pass
            # The final completion raises where the answer was cut short or refused; the snapshot does not.
            return self._said(stream.current_completion_snapshot)

    def tool_turns(self, said: Said, *results: Any) -> list[dict[str, Any]]:
        message = said.raw.choices[0].message
        calls = [call.to_dict() for call in message.tool_calls]
        for call in calls:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        turn = {"role": "assistant", "content": message.content, "tool_calls": calls}
        if blocks := (message.model_extra or {}).get("thinking_blocks"):
            turn["thinking_blocks"] = blocks
        answers = zip(said.call_ids, results, strict=True)
        return [turn, *({"role": "tool", "tool_call_id": call, "content": result} for call, result in answers)]

    def _wishes(self, prompt: str, **wishes: Any) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [{"type": "text", "text": prompt}]
        if image := wishes.get("image"):
            url = image if image.startswith("http") else f"data:image/png;base64,{image}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        if document := wishes.get("document"):
            data = f"data:application/pdf;base64,{document}"
            parts.append({"type": "file", "file": {"filename": "a.pdf", "file_data": data}})
        messages: list[dict[str, Any]] = [{"role": "user", "content": parts if len(parts) > 1 else prompt}]
        if system := wishes.get("system"):
            messages.insert(0, {"role": "system", "content": system})
        asked: dict[str, Any] = {"messages": messages + wishes.get("turns", [])}
        if tools := wishes.get("tools"):
            functions = [{"name": name, "description": "A tool.", "parameters": SCHEMA} for name in tools]
            asked["tools"] = [{"type": "function", "function": function} for function in functions]
        if choice := wishes.get("choice"):
            words = {"auto": "auto", "any": "required", "none": "none"}
            asked["tool_choice"] = words.get(choice) or {"type": "function", "function": {"name": choice}}
        if "parallel" in wishes:
            asked["parallel_tool_calls"] = wishes["parallel"]
        if wishes.get("think"):
            asked["reasoning_effort"] = "low"
        plain = {"stop": "stop", "max_tokens": "max_tokens", "temperature": "temperature", "user": "user"}
        asked |= {plain[name]: value for name, value in wishes.items() if name in plain}
        return asked | wishes.get("extra", {})

    def _said(self, answer: Any) -> Said:
        choice, usage = answer.choices[0], answer.usage
        message, extra = choice.message, choice.message.model_extra or {}
        calls = message.tool_calls or []
        words = {"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "refused"}
        inputs = usage and usage.prompt_tokens_details
        return Said(
            text=message.content or "",
            finish=words[choice.finish_reason],
            calls=[(call.function.name, json.loads(call.function.arguments)) for call in calls],
            call_ids=[call.id for call in calls],
            thought=extra.get("reasoning_content") or "",
            signature="".join(block.get("signature", "") for block in extra.get("thinking_blocks") or ()),
            input=usage.prompt_tokens - inputs.cached_tokens - inputs.cache_write_tokens if usage else 0,
            cached=inputs.cached_tokens if usage else 0,
            written=inputs.cache_write_tokens if usage else 0,
            output=usage.completion_tokens if usage else 0,
            reasoned=usage.completion_tokens_details.reasoning_tokens if usage else 0,
            raw=answer,
        )


class AnthropicTalker:
    """Anthropic's SDK."""

    def __init__(self, url: str) -> None:
        self.sdk = anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0)

    async def say(self, model: str, prompt: str = "Hello", *, streamed: bool, **wishes: Any) -> Said:
        asked = {"model": model, "max_tokens": 4000, **self._wishes(prompt, **wishes)}
        if not streamed:
            answer = await self.sdk.messages.create(**asked)
            anthropic.types.Message.model_validate(answer.to_dict())
            return self._said(answer)
        async with self.sdk.messages.stream(**asked) as stream:
            return self._said(await stream.get_final_message())

    def tool_turns(self, said: Said, *results: Any) -> list[dict[str, Any]]:
        turn = {"role": "assistant", "content": [block.to_dict() for block in said.raw.content]}
        answers = zip(said.call_ids, results, strict=True)
        blocks = [{"type": "tool_result", "tool_use_id": call, "content": result} for call, result in answers]
        return [turn, {"role": "user", "content": blocks}]

    def _wishes(self, prompt: str, **wishes: Any) -> dict[str, Any]:
        blocks: list[dict[str, Any]] = [{"type": "text", "text": prompt}]
        if image := wishes.get("image"):
            data = {"type": "base64", "media_type": "image/png", "data": image}
            source = {"type": "url", "url": image} if image.startswith("http") else data
            blocks.append({"type": "image", "source": source})
        if document := wishes.get("document"):
            source = {"type": "base64", "media_type": "application/pdf", "data": document}
            blocks.append({"type": "document", "source": source, "title": "a.pdf"})
        turns: list[dict[str, Any]] = [{"role": "user", "content": blocks if len(blocks) > 1 else prompt}]
        asked: dict[str, Any] = {"messages": turns + wishes.get("turns", [])}
        if tools := wishes.get("tools"):
            asked["tools"] = [{"name": name, "description": "A tool.", "input_schema": SCHEMA} for name in tools]
        choice = wishes.get("choice")
        if choice or "parallel" in wishes:
            words = choice or "auto"
            asked["tool_choice"] = (
                {"type": words} if words in ("auto", "any", "none") else {"type": "tool", "name": words}
            )
        if wishes.get("parallel") is False:
            asked["tool_choice"]["disable_parallel_tool_use"] = True
        if wishes.get("think"):
            asked["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if user := wishes.get("user"):
            asked["metadata"] = {"user_id": user}
        if stop := wishes.get("stop"):
            asked["stop_sequences"] = stop
        plain = ("system", "max_tokens", "temperature")
        asked |= {name: value for name, value in wishes.items() if name in plain}
        return asked | wishes.get("extra", {})

    def _said(self, answer: Any) -> Said:
        by_type: dict[str, list[Any]] = {"text": [], "thinking": [], "tool_use": []}
        for block in answer.content:
            by_type[block.type].append(block)
        words = {"end_turn": "end", "stop_sequence": "end", "tool_use": "tools"}
        words |= {"max_tokens": "length", "refusal": "refused"}
        usage, details = answer.usage, answer.usage.output_tokens_details
        return Said(
            text="".join(block.text for block in by_type["text"]),
            finish=words[answer.stop_reason],
            calls=[(block.name, block.input) for block in by_type["tool_use"]],
            call_ids=[block.id for block in by_type["tool_use"]],
            thought="".join(block.thinking for block in by_type["thinking"]),
            signature="".join(block.signature for block in by_type["thinking"]),
            input=usage.input_tokens,
            cached=usage.cache_read_input_tokens or 0,
            written=usage.cache_creation_input_tokens or 0,
            output=usage.output_tokens,
            reasoned=details.thinking_tokens if details else 0,
            raw=answer,
        )
