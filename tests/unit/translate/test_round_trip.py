from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.router.translate import Ask, translator
from shared.pricing.usage import Usage

TEXT = st.text(min_size=1, max_size=8)
ID = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
IMAGE = st.sampled_from(["data:image/png;base64,AAAA", "https://example.com/a.png"]).map(
    lambda url: {"type": "image_url", "image_url": {"url": url}}
)
TEXT_PART = TEXT.map(lambda text: {"type": "text", "text": text})
CONTENT = TEXT | st.tuples(TEXT_PART, IMAGE).map(list) | st.tuples(TEXT_PART, IMAGE, TEXT_PART).map(list)
JSON_OBJECT = st.dictionaries(TEXT, TEXT | st.integers(-(2**40), 2**40) | st.none(), max_size=3)
ARGUMENTS = JSON_OBJECT.map(lambda value: msgspec.json.encode(value).decode())


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return turns of a conversation: the user's words, then an answer, or calls with their results."""
    said: list[dict[str, Any]] = [{"role": "user", "content": draw(CONTENT)}]
    ids = draw(st.lists(ID, max_size=3, unique=True))
    if not ids:
        return [*said, {"role": "assistant", "content": draw(TEXT.filter(str.strip))}]
    calls = [
        {"id": call_id, "type": "function", "function": {"name": draw(ID), "arguments": draw(ARGUMENTS)}}
        for call_id in ids
    ]
    said.append({"role": "assistant", "content": draw(st.none() | TEXT), "tool_calls": calls})
    said += [{"role": "tool", "tool_call_id": call_id, "content": draw(TEXT)} for call_id in ids]
    return [*said, {"role": "assistant", "content": draw(TEXT.filter(str.strip))}]


CONVERSATION = st.tuples(
    st.lists(TEXT.map(lambda text: {"role": "system", "content": text}), max_size=1),
    st.lists(turns(), min_size=1, max_size=3).map(lambda parts: [turn for part in parts for turn in part]),
    CONTENT.map(lambda content: [{"role": "user", "content": content}]),
).map(lambda parts: [message for part in parts for message in part])


@given(CONVERSATION)
def test_nothing_is_lost_there_and_back(messages: list[dict[str, Any]]) -> None:
    """A conversation translated to Anthropic's dialect and back is the same conversation."""
    there = translator("openai", "anthropic").ask(
        msgspec.json.encode({"model": "m", "messages": messages}), "m", stream=False
    )
    back = translator("anthropic", "openai").ask(there.body, "m", stream=False)
    assert msgspec.json.decode(back.body)["messages"] == messages


ANSWERS = st.fixed_dictionaries(
    {
        "role": st.just("assistant"),
        "content": st.none() | TEXT,
        "refusal": st.none(),
        "reasoning_content": st.none() | TEXT,
        "tool_calls": st.lists(
            st.builds(
                lambda call_id, name, arguments: {
                    "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments},
                },
                ID, ID, ARGUMENTS,
            ),
            max_size=3,
        ),
    }
)  # fmt: skip


@given(ANSWERS, st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_answers_there_and_back(message: dict[str, Any], cached: int, fresh: int, output: int) -> None:
    """An answer's words, reasoning, calls and usage survive both translations."""
    usage = {
        "prompt_tokens": cached + fresh, "completion_tokens": output, "total_tokens": cached + fresh + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }  # fmt: skip
    finish = "tool_calls" if message["tool_calls"] else "stop"
    body = {
        "id": "chatcmpl-1",
        "model": "m",
        "choices": [{"message": message, "finish_reason": finish}],
        "usage": usage,
    }
    ask = Ask("/", b"", stream=False)
    there = translator("anthropic", "openai").whole(ask, msgspec.json.encode(body), "m")
    back = translator("openai", "anthropic").whole(ask, there.body, "m", 7)
    answer = msgspec.json.decode(back.body)
    said = answer["choices"][0]["message"]
    for name in ("reasoning_content", "tool_calls"):
        assert (said.get(name) or None) == (message[name] or None)
    assert (said["content"] or "") == (message["content"] or "")
    assert (answer["id"], answer["created"], answer["choices"][0]["finish_reason"]) == ("chatcmpl-1", 7, finish)
    assert there.usage == back.usage == Usage(input=fresh, cache_read=cached, output=output)
    assert there.text == back.text
