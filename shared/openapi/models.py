"""The bodies of the `/model` routes."""

from shared.openapi.shapes import ANY_OBJECT, BOOLEAN, NUMBER, STRING, Query, Schema, Shape, array, maybe, record, said

_PRICE = said(NUMBER, "Dollars. A deployment that states any price is priced by what it states alone.")

_PARAMS: dict[str, Schema] = {
    "api_base": maybe(STRING),
    "api_key": said(maybe(STRING), "Sealed at rest, and never returned."),
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

MODEL_SHAPES: dict[str, Shape] = {
    "model_new": Shape(
        body=_NEW_MODEL,
        answer=record({"model_id": STRING, **_MODEL}),
        example={"model_name": "fast", "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "sk-…"}},
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
