"""Reads and checks the configuration; every mistake becomes one sentence that says where it is."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from shared.settings.file import Configuration, Deployment, ModelGroup

DEMO_INPUT_PRICE, DEMO_OUTPUT_PRICE = 1e-6, 2e-6
"""Dollars per token of the demo model, which has no price of its own; so that a demo shows what things cost."""

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ConfigurationError(Exception):
    """The configuration cannot be used; the message says what is wrong, and where."""


SECRETS = ("api_key", "headers", "default_query_params")
"""Settings that hold a secret; processes that need none of them do not read them."""


def load(path: Path | None, env: Mapping[str, str], *, with_secrets: bool = True) -> Configuration:
    """Return the configuration of the file (or the defaults) with what the environment adds.

    `${NAME}` in a value is replaced by the environment's value. Raises `ConfigurationError`.
    """
    document = _read(path) if path else {}
    if not with_secrets:
        document = _without_secrets(document)
    try:
        configuration = Configuration.model_validate(_resolve(document, env, ""))
    except ValidationError as error:
        raise ConfigurationError(_explain(error, path)) from None
    return configuration.model_copy(update={"models": (*configuration.models, *_from_environment(configuration, env))})


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not valid YAML: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} must hold a mapping of sections.")
    return document


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(item) for name, item in value.items() if name not in SECRETS}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value


def _resolve(value: Any, env: Mapping[str, str], where: str) -> Any:
    if isinstance(value, dict):
        return {name: _resolve(item, env, f"{where}.{name}".lstrip(".")) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, env, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str):

        def from_env(match: re.Match[str]) -> str:
            if match[1] not in env:
                raise ConfigurationError(f"{where} refers to ${{{match[1]}}}, which the environment does not have.")
            return env[match[1]]

        return _REFERENCE.sub(from_env, value)
    return value


def _explain(error: ValidationError, path: Path | None) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(problem["loc"][-1]), _names(problem["loc"][:-1]), 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            lines.append(f"'{where}' is not a setting.{hint}")
        else:
            lines.append(f"'{where}': {problem['msg']}.")
    return f"{path or 'The configuration'}: " + " ".join(lines)


def _names(location: tuple[int | str, ...]) -> list[str]:
    """Return the settings that exist at a place in the document."""
    model: Any = Configuration
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
        if model is None:
            return []
    return list(model.model_fields)


def _from_environment(configuration: Configuration, env: Mapping[str, str]) -> list[ModelGroup]:
    """Return the model groups that the environment switches on, unless the file has one of that name."""
    taken = {group.model_name for group in configuration.models}
    found: list[ModelGroup] = []
    if url := env.get("TOLLWAY_DEMO_URL"):
        demo = Deployment.model_validate(
            {
                "id": "demo",
                "provider": "demo",
                "model": "demo",
                "api_base": url,
                "api_key": env.get("TOLLWAY_DEMO_KEY"),
                "input_cost_per_token": DEMO_INPUT_PRICE,
                "output_cost_per_token": DEMO_OUTPUT_PRICE,
            }
        )
        found.append(ModelGroup(model_name="demo", deployments=(demo,)))
    return [group for group in found if group.model_name not in taken]
