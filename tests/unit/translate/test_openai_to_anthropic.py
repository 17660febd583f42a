import base64
from typing import Any

import msgspec
import pytest

from services.router.translate import translator
from shared.errors import InvalidRequest
from tests.unit.translate.talkers import PIXEL

HELLO = [{"role": "user", "content": "Hello"}]


def asked(messages: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """Return the body that Anthropic gets for an OpenAI request."""
    body = msgspec.json.encode({"model": "group", "messages": messages or HELLO, **fields})
    ask = translator("openai", "anthropic").ask(body, "claude", stream=bool(fields.get("stream")))
    assert ask.path == "/v1/messages"
    sent: dict[str, Any] = msgspec.json.decode(ask.body)
    return sent


def refused(messages: list[dict[str, Any]] | None = None, **fields: Any) -> str | None:
    """Return the field that is named when the request is refused."""
    with pytest.raises(InvalidRequest) as caught:
        asked(messages, **fields)
    return caught.value.param


def test_the_least() -> None:
    """A model, a limit and the messages are what Anthropic needs; the limit has a default."""
    assert asked() == {"model": "claude", "max_tokens": 4096, "messages": HELLO}


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_limit(name: str) -> None:
    """Both of OpenAI's limits are Anthropic's one."""
    assert asked(**{name: 17})["max_tokens"] == 17


def test_system_and_developer_messages_at_any_position() -> None:
    """They are gathered, in their order, into the system prompt, and the turns around them join."""
    sent = asked(
        [
            {"role": "system", "content": "One."},
            {"role": "user", "content": "a"},
            {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
            {"role": "user", "content": "b"},
        ]
    )
    assert sent["system"] == [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    assert sent["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]


def test_one_system_message_is_a_string() -> None:
    """The simple case stays simple."""
    assert asked([{"role": "system", "content": "One."}, *HELLO])["system"] == "One."


def test_system_messages_alone() -> None:
    """Anthropic needs a turn: a conversation of system messages alone becomes the user's."""
    sent = asked([{"role": "system", "content": "One."}])
    assert ("system" in sent, sent["messages"]) == (False, [{"role": "user", "content": "One."}])


def test_calls_and_results() -> None:
    """Results of parallel calls and the user's next words make one turn; ids change alike, arguments stay bytes."""
    calls = [
        {"id": "call:1", "type": "function", "function": {"name": "a", "arguments": '{"x": 1.0,\n"x2":[]}'}},
        {"id": "call_2", "type": "function", "function": {"name": "b", "arguments": ""}},
        {"id": "call_3", "type": "function", "function": {"name": "c", "arguments": '{"half'}},
    ]
    messages = [
        *HELLO,
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call:1", "content": "one"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "two"}]},
        {"role": "tool", "tool_call_id": "call_3", "content": "", "is_error": True},
        {"role": "user", "content": "And?"},
    ]
    body = msgspec.json.encode({"model": "m", "messages": messages})
    ask = translator("openai", "anthropic").ask(body, "claude", stream=False)
    assert b'"input":{"x": 1.0,\n"x2":[]}' in ask.body
    assert msgspec.json.decode(ask.body)["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_1", "name": "a", "input": {"x": 1.0, "x2": []}},
                {"type": "tool_use", "id": "call_2", "name": "b", "input": {}},
                {"type": "tool_use", "id": "call_3", "name": "c", "input": {"INVALID_JSON": '{"half'}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "two"},
                {"type": "tool_result", "tool_use_id": "call_3", "is_error": True},
                {"type": "text", "text": "And?"},
            ],
        },
    ]


def test_images_and_files() -> None:
    """Data URLs become sources in base64, addresses URL sources, text files text; empty texts vanish."""
    data = f"data:image/png;base64,{PIXEL}"
    text = base64.b64encode("Grüße".encode()).decode()
    parts = [
        {"type": "text", "text": ""},
        {"type": "image_url", "image_url": {"url": data, "detail": "high"}},
        {"type": "image_url", "image_url": "https://example.com/a.png"},
        {"type": "file", "file": {"file_data": f"data:text/markdown;charset=utf-8;base64,{text}", "filename": "a.md"}},
        {"type": "file", "file": {"file_data": "JVBERi0="}},
    ]
    blocks = asked([{"role": "user", "content": parts}])["messages"][0]["content"]
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    assert blocks == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}, "title": "a.md"},
        {"type": "document", "source": pdf},
    ]


def test_an_image_in_a_tools_result() -> None:
    """Anthropic's results may hold images, so they stay where they are."""
    call = {"id": "c", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [image]},
    ]
    result = asked(messages)["messages"][2]["content"][0]
    assert result["content"] == [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]


def test_signed_thinking_goes_back() -> None:
    """Thinking that we gave out returns with its signature; thinking without one cannot."""
    blocks = [
        {"index": 0, "type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "thinking", "thinking": "Unsigned."},
        {"type": "redacted_thinking", "data": "d"},
    ]
    messages = [*HELLO, {"role": "assistant", "content": "Yes.", "thinking_blocks": blocks, "reasoning_content": "Hm."}]
    assert asked([*messages, *HELLO])["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "Yes."},
    ]


def test_cache_markers() -> None:
    """Anthropic's cache markers, which LiteLLM's clients may set in this dialect, stay where they were."""
    marker = {"type": "ephemeral", "ttl": "1h"}
    sent = asked(
        [
            {"role": "system", "content": [{"type": "text", "text": "One.", "cache_control": marker}]},
            {"role": "user", "content": "a", "cache_control": marker},
        ]
    )
    assert sent["system"][0]["cache_control"] == marker
    assert sent["messages"][0]["content"][0]["cache_control"] == marker


def test_a_prefill_has_no_white_space_at_its_end() -> None:
    """Anthropic refuses a last assistant turn that ends in white space."""
    assert asked([*HELLO, {"role": "assistant", "content": "So \n"}])["messages"][1]["content"] == "So"


def tools(**fields: Any) -> dict[str, Any]:
    """Return what becomes of a request with one tool."""
    return asked(tools=[{"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}], **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": {"type": "function", "function": {"name": "a"}}}, {"type": "tool", "name": "a"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tool_choice(fields: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """Every way to choose, with and without parallel calls."""
    assert tools(**fields).get("tool_choice") == expected


def test_tool_definitions() -> None:
    """Functions become tools; one without parameters takes an empty object."""
    functions = [{"name": "a", "description": "A.", "parameters": {"type": "object"}, "strict": True}, {"name": "b"}]
    sent = asked(tools=[{"type": "function", "function": function} for function in functions])
    assert sent["tools"] == [
        {"name": "a", "description": "A.", "input_schema": {"type": "object"}, "strict": True},
        {"name": "b", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_a_choice_without_tools_is_nothing() -> None:
    """Anthropic refuses a choice among no tools, and it means nothing."""
    assert "tool_choice" not in asked(tool_choice="auto", parallel_tool_calls=False)


def test_sampling_and_identity() -> None:
    """Temperature ends at Anthropic's 1; stop, top_p, user and tier have other names."""
    sent = asked(temperature=1.7, top_p=0.9, stop="END", user="u", service_tier="default")
    del sent["messages"], sent["model"], sent["max_tokens"]
    assert sent == {
        "temperature": 1.0, "top_p": 0.9, "stop_sequences": ["END"],
        "metadata": {"user_id": "u"}, "service_tier": "standard_only",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("effort", "limit", "budget", "max_tokens"),
    [
        ("none", None, None, 4096),
        ("minimal", None, 1024, 5120),
        ("medium", None, 2048, 6144),
        ("high", 20000, 4096, 20000),
        ("high", 3000, 1500, 3000),
        ("high", 1500, 1024, 1500),
        ("high", 1024, None, 1024),
        ("odd", None, None, 4096),
    ],
)
def test_reasoning_effort(effort: str, limit: int | None, budget: int | None, max_tokens: int) -> None:
    """An effort is a budget of at least 1,024 tokens that leaves room below the limit, or there is no thinking."""
    sent = asked(reasoning_effort=effort, max_completion_tokens=limit, temperature=0.3, top_p=0.5)
    thinking = sent.get("thinking")
    assert (thinking and thinking["budget_tokens"], sent["max_tokens"]) == (budget, max_tokens)
    assert ("temperature" in sent, "top_p" in sent) == (budget is None, budget is None)


def test_no_thinking_where_anthropic_forbids_it() -> None:
    """With a demanded call, or in a tool loop whose call came without its thinking, the wish to think is dropped."""
    call = {"id": "c", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    thought = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    result = {"role": "tool", "tool_call_id": "c", "content": "x"}
    unsigned = [*HELLO, {"role": "assistant", "tool_calls": [call]}, result]
    signed = [*HELLO, {"role": "assistant", "tool_calls": [call], "thinking_blocks": thought}, result]
    assert "thinking" not in tools(tool_choice="required", reasoning_effort="high")
    assert "thinking" not in tools(messages=unsigned, reasoning_effort="high")
    assert "thinking" in tools(messages=signed, reasoning_effort="high")


def test_fields_of_anthropics_own_go_on() -> None:
    """What is no field of OpenAI's reaches the provider as it came, and cannot replace what we set."""
    sent = asked(
        top_k=5, thinking={"type": "enabled", "budget_tokens": 3000}, max_tokens=None, reasoning_effort="low",
        stop_sequences=["a"], stop="b", metadata={"user_id": "forged"}, user="u",
    )  # fmt: skip
    assert (sent["top_k"], sent["thinking"]["budget_tokens"], sent["max_tokens"]) == (5, 3000, 7096)
    assert (sent["stop_sequences"], sent["metadata"]) == (["b"], {"user_id": "u"})


def test_structured_output() -> None:
    """A JSON schema for the answer has a form in both dialects."""
    schema = {"type": "object", "properties": {}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    sent = asked(response_format=form)
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert "output_config" not in asked(response_format={"type": "text"})


def test_what_only_shapes_an_answer_is_dropped() -> None:
    """Sampling hints and cache keys that Anthropic does not know change nothing else."""
    hints = {
        "frequency_penalty": 0.5, "presence_penalty": 0.1, "seed": 7, "store": True, "verbosity": "low",
        "prompt_cache_key": "k", "prediction": {"type": "content", "content": "x"}, "safety_identifier": None,
    }  # fmt: skip
    harmless = {"n": 1, "logprobs": False, "modalities": ["text"], "logit_bias": {}, "audio": None, "top_logprobs": 0}
    assert asked(**hints, **harmless) == asked()


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2}, {"logprobs": True}, {"top_logprobs": 3}, {"logit_bias": {"1": 5}}, {"modalities": ["text", "audio"]},
        {"audio": {"voice": "a"}}, {"functions": [{"name": "a"}]}, {"function_call": {"name": "a"}},
        {"web_search_options": {}}, {"response_format": {"type": "json_object"}}, {"system": "Obey."},
        {"tool_choice": {"type": "allowed_tools"}, "tools": [{"type": "function", "function": {"name": "a"}}]},
        {"max_tokens": "many"}, {"stop": 3}, {"temperature": {}},
    ],
)  # fmt: skip
def test_what_cannot_be_expressed_is_refused(fields: dict[str, Any]) -> None:
    """A field that changes the answer and has no form at Anthropic is refused by its name."""
    assert refused(**fields) == next(iter(fields))


CUSTOM_CALL = {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "a"}}]}


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "function", "name": "f", "content": "x"}, "messages[0].role"),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, "messages[0].audio"),
        ({"role": "assistant", "function_call": {"name": "a"}}, "messages[0].function_call"),
        (CUSTOM_CALL, "messages[0].tool_calls[0].type"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}, "messages[0].content[0].file"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "ftp://x"}]},
            "messages[0].content[0].image_url",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "data:x,y"}]},
            "messages[0].content[0].image_url",
        ),
        ({"role": "user", "content": [{"text": "x"}]}, "messages[0].content[0]"),
    ],
)
def test_messages_that_cannot_be_expressed(message: dict[str, Any], param: str) -> None:
    """The place in the conversation is named."""
    assert refused([message]) == param


def test_other_kinds_of_tools_are_refused() -> None:
    """A tool that is no function is refused by its place."""
    assert refused(tools=[{"type": "custom", "custom": {"name": "a"}}]) == "tools[0].type"
