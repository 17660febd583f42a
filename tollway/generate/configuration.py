"""The JSON Schema of `tollway.yaml`, for editors.

An editor reads it where the file's first line is
`# yaml-language-server: $schema=…/docs/schemas/configuration.json`.
"""

from typing import Any

from shared.settings import Configuration
from tollway.generate.messages import DIALECT

REFERENCE = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"}
"""`${NAME}`, which the environment's value replaces; it may stand where a number or a truth value is wanted."""

_AROUND = ("title", "description", "default")
"""What is said of a value as a whole."""


def schema() -> dict[str, Any]:
    """Return the schema; it refuses unknown names, as `tollway check` does."""
    described = Configuration.model_json_schema()
    described["title"] = "tollway.yaml"
    return {"$schema": DIALECT, **_with_references(described)}


def _with_references(value: Any) -> Any:
    """Let a reference stand for every plain value that is no string."""
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in ("integer", "number", "boolean"):
        return _or_reference(value)
    return {name: item if name == "default" else _with_references(item) for name, item in value.items()}


def _or_reference(value: dict[str, Any]) -> dict[str, Any]:
    around = {name: item for name, item in value.items() if name in _AROUND}
    plain = {name: item for name, item in value.items() if name not in _AROUND}
    return {**around, "anyOf": [plain, REFERENCE]}
