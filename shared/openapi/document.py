"""Builds the document: every route, whom it serves, what it takes, gives and refuses."""

from collections.abc import Iterable
from functools import cache
from typing import Any, get_args

from shared.errors import Dialect
from shared.openapi import (
    audit,
    budgets,
    configuration,
    credentials,
    customers,
    keys,
    llm,
    management_words,
    models,
    organizations,
    spend,
    teams,
    users,
)
from shared.openapi.components import named_schemas, with_references
from shared.openapi.llm import LLM_SHAPES
from shared.openapi.management import MANAGEMENT_SHAPES
from shared.openapi.shapes import STRING, Query, Schema, Shape, array, maybe, record
from shared.routes import LLM_ROUTES, MANAGEMENT_ROUTES, Route
from shared.routes.passthrough import VENDORS, Endpoint

VERSION = "0.1.0"
"""Tollway's version, as `pyproject.toml` has it."""

SHAPES: dict[str, Shape] = LLM_SHAPES | MANAGEMENT_SHAPES

NAMED_SCHEMAS = named_schemas(
    (
        management_words,
        keys,
        users,
        teams,
        organizations,
        customers,
        budgets,
        models,
        credentials,
        spend,
        audit,
        configuration,
        llm,
    )
)

_SECURITY: list[dict[str, list[str]]] = [
    {"bearer": []},
    {"x-api-key": []},
    {"api-key": []},
    {"x-tollway-api-key": []},
    {"x-litellm-api-key": []},
]

_OPENAI_ERROR = record(
    {"error": record({"message": STRING, "type": STRING, "param": maybe(STRING), "code": STRING}, more=False)},
    more=False,
)
_ANTHROPIC_ERROR = record(
    {"type": STRING, "error": record({"type": STRING, "message": STRING}), "request_id": STRING}, more=False
)

_REFUSALS = {
    "400": "The request is wrong, or blocked by a guardrail.",
    "401": "No key, or one that does not work.",
    "403": "The key may not do this.",
    "404": "There is no such model or object.",
    "409": "The object exists already, or is still in use.",
    "413": "The body is larger than the limit.",
    "429": "The provider's limit is reached; `Retry-After` says when to come back.",
    "503": "Something that is needed is missing or at its bound; `Retry-After` says when to come back.",
}

_CONFLICT = {
    "409": {
        "description": "There is such an object already, or it is in use.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIError"}}},
    }
}


def openapi() -> dict[str, Any]:
    """Return the document of all routes, in OpenAPI 3.1; what has a name stands once, among the components."""
    document = inlined()
    components = document["components"]
    paths = {
        path: {method: _with_shared_refusals(operation) for method, operation in item.items()}
        for path, item in document["paths"].items()
    }
    referring = with_references({"paths": paths}, NAMED_SCHEMAS)
    schemas = referring["schemas"] | components["schemas"]
    components = {**components, "schemas": schemas, "responses": _SHARED_REFUSALS}
    return {**document, "paths": referring["paths"], "components": components}


def inlined() -> dict[str, Any]:
    """Return the same document with everything in its place, for those who show it."""
    paths: dict[str, dict[str, Any]] = {}
    for tag, routes in (("LLM", LLM_ROUTES), ("Management", MANAGEMENT_ROUTES)):
        for route in routes:
            for number, path in enumerate(route.paths):
                paths.setdefault(path, {})[route.method.lower()] = _operation(route, tag, path, number)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tollway",
            "version": VERSION,
            "description": "An LLM gateway: one place for keys, routing, guardrails and cost. "
            "Fields that are not listed go through to the provider, and back to the client, untouched.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "LLM", "description": "What applications call."},
            {
                "name": "Pass-through",
                "description": "Providers' own APIs, forwarded as they are: with a key and a bill, without guardrails.",
            },
            {"name": "Management", "description": "What operators call; names and fields are LiteLLM's."},
            {"name": "Health", "description": "What probes and scrapers call; no key is needed."},
        ],
        "security": _SECURITY,
        "paths": paths | {f"{vendor.path}/{{path}}": _native(vendor) for vendor in VENDORS} | _HEALTH,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                **{
                    name: {"type": "apiKey", "in": "header", "name": name}
                    for scheme in _SECURITY[1:]
                    for name in scheme
                },
            },
            "schemas": {"OpenAIError": _OPENAI_ERROR, "AnthropicError": _ANTHROPIC_ERROR},
        },
    }


def _operation(route: Route, tag: str, path: str, number: int) -> dict[str, Any]:
    shape = SHAPES[route.name]
    operation: dict[str, Any] = {
        "operationId": route.name if number == 0 else f"{route.name}_{number + 1}",
        "summary": route.summary,
        "tags": [tag],
        "description": _who(route),
        "responses": {
            "200": _answer(shape),
            **_errors(route.dialect),
            **(_CONFLICT if tag == "Management" else {}),
        },
    }
    if number:
        operation["x-alias-of"] = route.name
    parameters = [*_path_parameters(path), *map(_query_parameter, shape.query)]
    if parameters:
        operation["parameters"] = parameters
    if shape.body is not None:
        content: dict[str, Any] = {"schema": shape.body}
        if shape.example is not None:
            content["example"] = shape.example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _native(endpoint: Endpoint) -> dict[str, Any]:
    """Describe an endpoint by its two usual methods; it takes any."""
    route = endpoint.route
    name = route.name.replace(":", "_")
    described: dict[str, Any] = {"summary": f"{route.summary} Any method, any path below.", "tags": ["Pass-through"]}
    described["description"] = _who(route)
    described["responses"] = {
        "default": {"description": "The provider's answer, as it came."},
        **_errors(route.dialect),
    }
    parameters = list(_path_parameters("{path}"))
    anything: dict[str, Any] = {"content": {"*/*": {"schema": {}}}}
    return {
        "get": described | {"operationId": f"{name}_get", "parameters": parameters},
        "post": described | {"operationId": f"{name}_post", "parameters": parameters, "requestBody": anything},
    }


_WORDS: dict[str, str] = {
    "proxy_admin": "administrators",
    "proxy_admin_viewer": "administrators who may look",
    "organization_admin": "administrators of an organization",
    "team_admin": "administrators of a team",
    "internal_user": "users",
    "internal_user_viewer": "users who may look",
    "key_holder": "holders of a key",
}


def _who(route: Route) -> str:
    """Return a sentence on whom the route serves; of a management route, about whose objects."""
    policy = route.policy
    if not (policy.everywhere or policy.own):
        return "For any key."
    sentence = f"For {_listed(policy.everywhere)}." if policy.everywhere else ""
    own = policy.own - policy.everywhere
    return f"{sentence} About what is theirs: for {_listed(own)}.".strip() if own else sentence


def _listed(personas: Iterable[str]) -> str:
    words = [word for persona, word in _WORDS.items() if persona in set(personas)]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _answer(shape: Shape) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": shape.answer}}
    if shape.streams:
        content["text/event-stream"] = {"schema": STRING}
    content |= {media_type: {"schema": STRING} for media_type in shape.as_text}
    return {"description": "The answer.", "content": content}


@cache
def _errors(dialect: Dialect) -> dict[str, Any]:
    name = "AnthropicError" if dialect == "anthropic" else "OpenAIError"
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {status: {"description": sentence, "content": content} for status, sentence in _REFUSALS.items()}


_SHARED_REFUSALS: dict[str, Any] = {
    f"{dialect.capitalize()}{status}": response
    for dialect in get_args(Dialect)
    for status, response in _errors(dialect).items()
}


def _with_shared_refusals(operation: dict[str, Any]) -> dict[str, Any]:
    names = {id(response): name for name, response in _SHARED_REFUSALS.items()}
    responses = {
        status: {"$ref": f"#/components/responses/{names[id(response)]}"} if id(response) in names else response
        for status, response in operation["responses"].items()
    }
    return operation | {"responses": responses}


def _path_parameters(path: str) -> Iterable[dict[str, Any]]:
    for part in path.split("{")[1:]:
        yield {"name": part.partition("}")[0], "in": "path", "required": True, "schema": STRING}


def _query_parameter(query: Query) -> dict[str, Any]:
    return {"name": query.name, "in": "query", "description": query.description, "schema": query.schema}


def _probe(id: str, summary: str, statuses: dict[str, str], content: dict[str, Any]) -> dict[str, Any]:
    responses = {status: {"description": sentence, "content": content} for status, sentence in statuses.items()}
    return {"get": {"operationId": id, "summary": summary, "tags": ["Health"], "security": [], "responses": responses}}


_READINESS: Schema = record(
    {"status": STRING, "missing": array(STRING), "absent": array(STRING)},
    {
        "declarations": {"type": "string", "enum": ["applied", "waiting", "refused", "unknown"]},
        "workers": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
)

_HEALTH: dict[str, Any] = {
    "/health/liveliness": _probe(
        "liveliness", "Tell that the process runs.", {"200": "It does."}, {"application/json": {"schema": STRING}}
    ),
    "/health/readiness": _probe(
        "readiness",
        "Tell whether a request can be served, and what is missing.",
        {"200": "It can.", "503": "It cannot."},
        {"application/json": {"schema": _READINESS}},
    ),
    "/metrics": _probe(
        "metrics",
        "Show the metrics of every worker, in Prometheus' text format.",
        {"200": "The metrics.", "401": "`server.metrics_key` is set, and was not sent."},
        {"text/plain": {"schema": STRING}},
    ),
}
