from typing import Any

import msgspec
import pytest

from services.router.translate import translator
from services.router.translate.openai_messages import SEE_NEXT
from shared.errors import InvalidRequest
from tests.unit.translate.talkers import PIXEL

HELLO = [{"role": "user", "content": "Hello"}]
DATA = {"type": "base64", "media_type": "image/png", "data": PIXEL}


def asked(messages: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """Return the body that OpenAI gets for an Anthropic request."""
    body = msgspec.json.encode({"model": "group", "max_tokens": 100, "messages": messages or HELLO, **fields})
    ask = translator("anthropic", "openai").ask(body, "gpt", stream=bool(fields.get("stream")))
    assert (ask.path, ask.hide_usage) == ("/chat/completions", False)
    sent: dict[str, Any] = msgspec.json.decode(ask.body)
    return sent


def refused(messages: list[dict[str, Any]] | None = None, **fields: Any) -> str | None:
    """Return the field that is named when the request is refused."""
    with pytest.raises(InvalidRequest) as caught:
        asked(messages, **fields)
    return caught.value.param


def said_by_user(*blocks: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what becomes of blocks in a user's message."""
    sent: list[dict[str, Any]] = asked([{"role": "user", "content": list(blocks)}])["messages"]
    return sent


def test_the_least() -> None:
    """The limit has the name that reasoning models take."""
    assert asked() == {"model": "gpt", "max_completion_tokens": 100, "messages": HELLO}


def test_streams_ask_for_their_usage() -> None:
    """Without it Anthropic's last events would have no figures."""
    sent = asked(stream=True)
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("Be brief.", "Be brief."),
        (
            [
                {"type": "text", "text": "One.", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Two."},
            ],
            "One.\n\nTwo.",
        ),
    ],
)
def test_system(system: Any, expected: str) -> None:
    """The system prompt becomes the first message."""
    assert asked(system=system)["messages"] == [{"role": "system", "content": expected}, *HELLO]


def test_system_messages_in_between() -> None:
    """A system message among the turns stays where it stands."""
    messages = [*HELLO, {"role": "system", "content": "Now in French."}, *HELLO]
    assert asked(messages)["messages"] == messages


def test_calls_and_results() -> None:
    """Calls keep their arguments' bytes; results become messages before the user's next words."""
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "t1", "name": "a", "input": {"x": 1}},
        {"type": "tool_use", "id": "t2", "name": "b", "input": {}},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
        {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "bad"}], "is_error": True},
        {"type": "text", "text": "And?"},
    ]
    sent = asked([*HELLO, {"role": "assistant", "content": blocks}, {"role": "user", "content": results}])
    assert sent["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "a", "arguments": '{"x":1}'}},
                {"id": "t2", "type": "function", "function": {"name": "b", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "one"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: bad"},
        {"role": "user", "content": "And?"},
    ]


def test_an_image_in_a_tools_result() -> None:
    """OpenAI's tools answer in text alone, so the image follows in the user's message."""
    image = {"type": "image", "source": DATA}
    call = {"type": "tool_use", "id": "t1", "name": "a", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [image]}
    sent = asked([*HELLO, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}])
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    assert sent["messages"][2:] == [
        {"role": "tool", "tool_call_id": "t1", "content": SEE_NEXT},
        {"role": "user", "content": [url]},
    ]


def test_images_and_documents() -> None:
    """Sources become data URLs and addresses; text documents and search results become text."""
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    assert said_by_user(
        {"type": "image", "source": DATA},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}, "title": "T"},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}},
        {"type": "search_result", "source": "https://x", "title": "X", "content": [{"type": "text", "text": "found"}]},
    )[0]["content"] == [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "text", "text": "T\nabc"},
        {"type": "text", "text": "inner"},
        {"type": "text", "text": "X (https://x)\nfound"},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "a"}, {"type": "function", "function": {"name": "a"}}),
    ],
)
@pytest.mark.parametrize("parallel", [True, False])
def test_tool_choice(choice: dict[str, Any], expected: Any, parallel: bool) -> None:
    """Every way to choose, with and without parallel calls."""
    tool = {"name": "a", "description": "A.", "input_schema": {"type": "object"}, "strict": True}
    sent = asked(tools=[tool], tool_choice={**choice, "disable_parallel_tool_use": not parallel})
    function = {"name": "a", "description": "A.", "parameters": {"type": "object"}, "strict": True}
    assert sent["tools"] == [{"type": "function", "function": function}]
    assert (sent["tool_choice"], sent.get("parallel_tool_calls")) == (expected, None if parallel else False)


def test_a_choice_without_tools_is_nothing() -> None:
    """OpenAI refuses a choice among no tools, and it means nothing."""
    assert "tool_choice" not in asked(tool_choice={"type": "auto"})


def test_sampling_and_identity() -> None:
    """Stop sequences, user and tier have other names; top_k and cache markers have none."""
    sent = asked(
        temperature=0.5, top_p=0.9, top_k=5, stop_sequences=["END"], metadata={"user_id": "u"},
        service_tier="standard_only", cache_control={"type": "ephemeral"}, context_management={"edits": []},
    )  # fmt: skip
    del sent["messages"], sent["model"], sent["max_completion_tokens"]
    assert sent == {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "user": "u", "service_tier": "default"}


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 50000}}, "high"),
        ({"thinking": {"type": "disabled"}}, None),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"reasoning_effort": "minimal"}, "minimal"),
    ],
)
def test_thinking(fields: dict[str, Any], effort: str | None) -> None:
    """A thinking budget is an effort; where the model is to choose, it chooses."""
    assert asked(**fields).get("reasoning_effort") == effort


def test_fields_of_openais_own_go_on() -> None:
    """What is no field of Anthropic's reaches the provider as it came, and cannot replace what we set."""
    sent = asked(seed=7, n=1, stop=["x"], stop_sequences=["END"], max_completion_tokens=10**6, stream_options={})
    assert (sent["seed"], sent["stop"], sent["max_completion_tokens"]) == (7, ["END"], 100)
    assert sent.keys() == {"model", "messages", "seed", "stop", "max_completion_tokens"}


def test_structured_output() -> None:
    """A JSON schema for the answer has a form in both dialects."""
    schema = {"type": "object"}
    sent = asked(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert sent["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": True}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"n": 2}, "n"),
        ({"audio": {}}, "audio"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"name": "a"}], "tool_choice": {"type": "odd"}}, "tool_choice"),
        ({"output_config": {"format": {"type": "odd"}}}, "output_config.format"),
        ({"system": [{"type": "image", "source": DATA}]}, "system.content[0].type"),
        ({"metadata": 3}, "metadata"),
    ],
)
def test_what_cannot_be_expressed_is_refused(fields: dict[str, Any], param: str) -> None:
    """A field that changes the answer and has no form at OpenAI is refused by its name."""
    assert refused(**fields) == param


@pytest.mark.parametrize(
    ("role", "block", "param"),
    [
        ("user", {"type": "image", "source": {"type": "file", "file_id": "f"}}, "messages[0].content[0].source"),
        ("user", {"type": "document", "source": {"type": "url", "url": "u"}}, "messages[0].content[0].source"),
        ("user", {"type": "container_upload", "file_id": "f"}, "messages[0].content[0].type"),
        ("assistant", {"type": "server_tool_use", "id": "s", "name": "web_search"}, "messages[0].content[0].type"),
    ],
)
def test_blocks_that_cannot_be_expressed(role: str, block: dict[str, Any], param: str) -> None:
    """The place in the conversation is named."""
    assert refused([{"role": role, "content": [block]}]) == param
