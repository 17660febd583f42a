"""The bodies of the `/credentials` routes."""

from shared.openapi.shapes import ANY_OBJECT, BOOLEAN, STRING, Schema, Shape, array, maybe, record, said

_VALUES = said(
    record(
        {},
        {
            "api_key": said(
                maybe(STRING), "The secret, or a reference: `os.environ/NAME`, `file/NAME`, `vault/PATH#FIELD`."
            ),
            "api_base": maybe(STRING),
        },
        more=False,
    ),
    "Sealed at rest, and never returned in clear.",
)
_MORE: dict[str, Schema] = {
    "display_name": maybe(STRING),
    "credential_info": said(ANY_OBJECT, "What people want to know of it; no secrets."),
    "credential_values": maybe(_VALUES),
    "model_id": said(maybe(STRING), "A deployment whose own credential is copied."),
}
_SHOWN = record(
    {
        "credential_name": STRING,
        "credential_info": ANY_OBJECT,
        "credential_values": said(ANY_OBJECT, "Secrets masked; references and addresses as they are."),
        "source": STRING,
    },
    {"display_name": maybe(STRING)},
)
_DONE = record({"success": BOOLEAN, "message": STRING})

CREDENTIAL_SHAPES: dict[str, Shape] = {
    "credential_new": Shape(
        body=record({"credential_name": STRING}, _MORE, more=False),
        answer=_DONE,
        example={"credential_name": "openai-eu", "credential_values": {"api_key": "sk-…"}, "credential_info": {}},
    ),
    "credential_list": Shape(answer=record({"success": BOOLEAN, "credentials": array(_SHOWN)})),
    "credential_by_model": Shape(answer=_SHOWN),
    "credential_by_name": Shape(answer=_SHOWN),
    "credential_update": Shape(
        body=record(
            {},
            {
                "credential_name": STRING,
                **_MORE,
                "credential_values_to_delete": said(array(STRING), "Values that are taken away."),
            },
            more=False,
        ),
        answer=_DONE,
        example={"credential_values": {"api_key": "sk-…"}, "credential_info": {}},
    ),
    "credential_delete": Shape(answer=_DONE),
}
"""By the route's name."""
