"""The bodies of the `/model` and `/model_group` routes."""

from shared.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Query,
    Schema,
    Shape,
    array,
    maybe,
    record,
    said,
)

_PRICE = said(NUMBER, "Dollars. A deployment that states any price is priced by what it states alone.")

_PARAMS: dict[str, Schema] = {
    "api_base": maybe(STRING),
    "api_key": said(
        maybe(STRING),
        "Sealed at rest, and never returned; or a reference: `os.environ/NAME`, `file/NAME`, `vault/PATH#FIELD`.",
    ),
    "litellm_credential_name": said(maybe(STRING), "A stored credential to use, in place of an own `api_key`."),
    "rpm": said(maybe(INTEGER), "Requests a minute that the deployment may get."),
    "tpm": said(maybe(INTEGER), "Tokens a minute that it may get."),
    "custom_llm_provider": said(maybe(STRING), "The provider, where `model` does not name it."),
    "weight": said(NUMBER, "Its share of the group's requests, beside the others' weights."),
    "timeout": said(NUMBER, "Seconds for a whole call."),
    "stream_timeout": said(NUMBER, "Seconds to a stream's first token."),
    "input_cost_per_token": _PRICE,
    "output_cost_per_token": _PRICE,
    "cache_read_input_token_cost": _PRICE,
}

_NEW_MODEL = record(
    {
        "model_name": said(STRING, "The model group that the deployment joins."),
        "litellm_params": record(
            {"model": said(STRING, "`provider/model`; the providers are `openai`, `anthropic` and `demo`.")}, _PARAMS
        ),
    },
    {"model_info": record({}, {"id": said(STRING, "Made by the server where it is missing.")})},
)

_MODEL: dict[str, Schema] = {
    "model_name": STRING,
    "litellm_params": said(ANY_OBJECT, "Without credentials; without addresses for who is no administrator."),
    "model_info": record({"id": STRING, "db_model": said(BOOLEAN, "False for the configuration file's.")}),
}

_ROW = record({"model_id": STRING, "blocked": BOOLEAN, **_MODEL})
_CHANGES = record(
    {},
    {
        "model_name": maybe(STRING),
        "litellm_params": said(
            maybe(record({}, {"model": STRING, **_PARAMS})), "What changes; null takes a field away."
        ),
        "model_info": maybe(record({}, {"id": said(STRING, "Which deployment, where the path does not say.")})),
        "blocked": maybe(BOOLEAN),
    },
)
_NAMED = record({"model_id": said(STRING, "The deployment's id.")}, more=False)

_UNKNOWN = "Null where nobody knows."
_GROUP = record(
    {
        "model_group": STRING,
        "providers": array(STRING),
        "max_input_tokens": said(maybe(NUMBER), _UNKNOWN),
        "max_output_tokens": said(maybe(NUMBER), _UNKNOWN),
        "input_cost_per_token": said(maybe(NUMBER), "Dollars, of the dearest deployment."),
        "output_cost_per_token": said(maybe(NUMBER), "Dollars, of the dearest deployment."),
        "mode": STRING,
        "rpm": said(maybe(INTEGER), "Of all deployments together; null where one has no limit."),
        "tpm": said(maybe(INTEGER), "Of all deployments together; null where one has no limit."),
        "supports_function_calling": said(maybe(BOOLEAN), _UNKNOWN),
        "supports_vision": said(maybe(BOOLEAN), _UNKNOWN),
    }
)

MODEL_SHAPES: dict[str, Shape] = {
    "model_new": Shape(
        body=_NEW_MODEL,
        answer=_ROW,
        example={"model_name": "fast", "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "sk-…"}},
    ),
    "model_update": Shape(
        body=_CHANGES, answer=_ROW, example={"model_info": {"id": "…"}, "litellm_params": {"weight": 2}}
    ),
    "model_patch": Shape(body=_CHANGES, answer=_ROW, example={"litellm_params": {"weight": 2}}),
    "model_block": Shape(body=_NAMED, answer=_ROW, example={"model_id": "…"}),
    "model_unblock": Shape(body=_NAMED, answer=_ROW, example={"model_id": "…"}),
    "model_group_info": Shape(
        query=(Query("model_group", "Only this group.", STRING),), answer=record({"data": array(_GROUP)})
    ),
    "model_info": Shape(
        query=(Query("litellm_model_id", "Only this deployment.", STRING),),
        answer=record({"data": array(record(_MODEL))}),
    ),
    "model_delete": Shape(
        body=record({"id": said(STRING, "The deployment's id.")}, more=False),
        answer=record({"message": STRING}),
        example={"id": "…"},
    ),
}
"""By the route's name."""
