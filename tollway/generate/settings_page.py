"""The page of settings, from the model that reads `tollway.yaml`."""

import inspect
import json
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, IPvAnyNetwork, SecretStr
from pydantic.fields import FieldInfo

from shared.settings import Configuration

HEAD = """\
# Settings

Generated from `shared/settings/`; `make generate` writes it. [configuration.md](configuration.md) explains the
file, the environment and the data folder.
"""

_ITEMS: dict[Any, str] = {tuple: "[]", dict: ".NAME"}
_SECTIONS: dict[Any, str] = {tuple: "list of sections", dict: "sections by name"}


def settings_page() -> str:
    """Return the page that lists every setting: name, type, default, meaning."""
    parts = [HEAD]
    for name, model in _sections(Configuration, ""):
        parts.append(f"## {f'`{name}`' if name else 'The file'}\n\n{_first_line(model)}\n")
        parts.append("| setting | type | default | |\n|---|---|---|---|")
        parts += [_row(setting, field) for setting, field in model.model_fields.items()]
        parts.append("")
    return "\n".join(parts)


def _sections(model: type[BaseModel], name: str) -> list[tuple[str, type[BaseModel]]]:
    found = [(name, model)]
    for setting, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            items = _ITEMS.get(get_origin(field.annotation), "")
            found += _sections(inner, f"{name}.{setting}{items}".lstrip("."))
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _first_line(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").replace("\n", " ")


def _row(setting: str, field: FieldInfo) -> str:
    text = inspect.cleandoc(field.description or "").replace("\n", " ").replace("|", "\\|")
    return f"| `{setting}` | {_type(field.annotation)} | {_default(field)} | {text} |"


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if _model_in(annotation) is not None:
        return _SECTIONS.get(get_origin(annotation), "section")
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of: {_type(arguments[0])}"
    if origin is dict:
        return "mapping"
    if arguments:
        return " or ".join(_type(item) for item in arguments if item is not type(None))
    names: dict[Any, str] = {IPvAnyNetwork: "network"}
    names |= {str: "text", int: "whole number", float: "number", bool: "true or false", SecretStr: "secret"}
    return names.get(annotation, "path")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, ""):
        return ""
    return "" if isinstance(value, BaseModel) else f"`{json.dumps(value)}`"
