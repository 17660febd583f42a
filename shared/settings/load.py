"""Reads and checks the configuration; every mistake becomes one sentence that says where it is."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.settings.demo import with_demo
from shared.settings.document import Document, read_document
from shared.settings.file import Configuration
from shared.settings.problems import ConfigurationError, Place, Problem, spelled

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

_WORDS = dict.fromkeys(("tuple_type", "list_type", "frozen_set_type"), "input should be a list") | dict.fromkeys(
    ("model_type", "dict_type"), "input should be a mapping of settings"
)
"""What pydantic says with Python's names of types, in YAML's."""

SECRETS = ("api_key", "headers", "default_query_params", "token")
"""Settings that hold a secret; processes that need none of them do not read them."""


def load(
    path: Path | None, env: Mapping[str, str], *, with_secrets: bool = True, with_keys: bool = True
) -> Configuration:
    """Return the configuration of the file (or the defaults) with what the environment adds.

    `${NAME}` in a value is replaced by the environment's value. Raises `ConfigurationError` with every problem.
    `with_keys` is for those who store virtual keys; all others do not read the declared ones.
    """
    document = read_document(path) if path else Document()
    values = document.values if with_secrets else _without_secrets(document.values)
    if not with_keys:
        values = {name: value for name, value in values.items() if name != "keys"}
    problems = [
        Problem(f"'{spelled(place)}' is written twice; the first one would be forgotten.", place)
        for place in document.repeated
    ]
    missing: list[Problem] = []
    resolved = _resolve(values, env, (), missing)
    problems += missing
    try:
        configuration = Configuration.model_validate(resolved)
    except ValidationError as error:
        problems += [
            problem for problem in _problems(error) if not any(_may_come_from(problem, other) for other in missing)
        ]
    if problems:
        raise ConfigurationError(problems, path, document.lines)
    return with_demo(configuration, env)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(item) for name, item in value.items() if name not in SECRETS}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value


def _resolve(value: Any, env: Mapping[str, str], place: Place, problems: list[Problem]) -> Any:
    if isinstance(value, dict):
        return {name: _resolve(item, env, (*place, str(name)), problems) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, env, (*place, index), problems) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def from_env(match: re.Match[str]) -> str:
        if match[1] not in env:
            what = f"'{spelled(place)}' refers to ${{{match[1]}}}, which the environment does not have."
            problems.append(Problem(what, place))
        return env.get(match[1], "")

    return _REFERENCE.sub(from_env, value)


def _problems(error: ValidationError) -> list[Problem]:
    found = []
    told = error.errors(include_input=False, include_url=False)
    for problem in told:
        place = problem["loc"]
        if problem["type"] == "too_short" and any(_within(other["loc"], place) for other in told):
            continue  # pydantic counts a list's valid items, and those that are not are told already
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(place[-1]), _names(place[:-1]), 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            found.append(Problem(f"'{spelled(place)}' is not a setting.{hint}", place))
        else:
            found.append(Problem(sentence_of(problem), place))
    return found


def sentence_of(problem: ErrorDetails) -> str:
    """Return what is wrong with a setting, as a sentence that names its place."""
    of_ours = problem["type"] == "value_error"
    what = _WORDS.get(problem["type"]) or (str(problem["ctx"]["error"]) if of_ours else problem["msg"])
    subject = f"'{spelled(problem['loc'])}': " if problem["loc"] else ""
    return f"{subject}{what[:1].lower()}{what[1:].rstrip('.')}."


def _within(inner: Place, outer: Place) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _may_come_from(problem: Problem, other: Problem) -> bool:
    """Tell whether a problem is with what holds the place of another one; the whole file is never meant."""
    outer, inner = problem.place or (), other.place or ()
    return bool(outer) and inner[: len(outer)] == outer


def _names(location: Place) -> list[str]:
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
