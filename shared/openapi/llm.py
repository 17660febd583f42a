"""The bodies of the LLM API: the fields that Tollway reads or checks; all others go through untouched.

Sources: OpenAI's chat completions and models, Anthropic's Messages, each as their SDKs send and read them.
"""

from shared.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Schema,
    Shape,
    array,
    maybe,
    one_of,
    record,
    said,
)

_CONTENT: Schema = {"anyOf": [STRING, array(ANY_OBJECT), {"type": "null"}]}
_MODEL = said(STRING, "A model group's name, as `/v1/models` lists it.")
_STREAM = said(BOOLEAN, "Answer as server-sent events.")

_OWN: dict[str, Schema] = {
    "tags": said(array(STRING), "Tollway's own: tags of the ledger entry; never sent to a provider."),
    "num_retries": said(INTEGER, "Tollway's own: attempts after the first one; never sent to a provider."),
    "metadata": said(ANY_OBJECT, "Data about the request. It switches nothing off and bills nobody else."),
}

_CHAT = Shape(
    body=record(
        {
            "model": _MODEL,
            "messages": array(
                record(
                    {"role": one_of("system", "developer", "user", "assistant", "tool", "function")},
                    {"content": _CONTENT},
                )
            ),
        },
        {
            "stream": _STREAM,
            "stream_options": record({}, {"include_usage": BOOLEAN}),
            "max_tokens": INTEGER,
            "max_completion_tokens": INTEGER,
            "temperature": NUMBER,
            "top_p": NUMBER,
            "n": INTEGER,
            "stop": {"anyOf": [STRING, array(STRING)]},
            "tools": array(ANY_OBJECT),
            "tool_choice": {"anyOf": [STRING, ANY_OBJECT]},
            "response_format": ANY_OBJECT,
            "user": STRING,
            **_OWN,
        },
    ),
    answer=record(
        {
            "id": STRING,
            "object": STRING,
            "model": STRING,
            "choices": array(
                record({"index": INTEGER, "message": ANY_OBJECT, "finish_reason": maybe(STRING)}),
            ),
        },
        {
            "created": INTEGER,
            "usage": record({"prompt_tokens": INTEGER, "completion_tokens": INTEGER, "total_tokens": INTEGER}),
        },
    ),
    example={"model": "demo", "messages": [{"role": "user", "content": "Hello"}]},
    streams=True,
)

_MESSAGES = Shape(
    body=record(
        {
            "model": _MODEL,
            "max_tokens": INTEGER,
            "messages": array(record({"role": one_of("user", "assistant", "system")}, {"content": _CONTENT})),
        },
        {
            "system": {"anyOf": [STRING, array(ANY_OBJECT)]},
            "stream": _STREAM,
            "temperature": NUMBER,
            "top_p": NUMBER,
            "top_k": INTEGER,
            "stop_sequences": array(STRING),
            "tools": array(ANY_OBJECT),
            "tool_choice": ANY_OBJECT,
            "thinking": ANY_OBJECT,
            **_OWN,
        },
    ),
    answer=record(
        {
            "id": STRING,
            "type": STRING,
            "role": STRING,
            "model": STRING,
            "content": array(ANY_OBJECT),
            "stop_reason": maybe(STRING),
            "usage": record({"input_tokens": INTEGER, "output_tokens": INTEGER}),
        }
    ),
    example={"model": "demo", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]},
    streams=True,
)

_ONE_MODEL = record({"id": STRING, "object": STRING}, {"created": INTEGER, "owned_by": STRING})

LLM_SHAPES: dict[str, Shape] = {
    "chat_completions": _CHAT,
    "messages": _MESSAGES,
    "models": Shape(answer=record({"object": STRING, "data": array(_ONE_MODEL)})),
    "model": Shape(answer=_ONE_MODEL),
}
"""By the route's name."""
