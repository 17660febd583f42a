"""The configuration file as it was written: its values, and the line of each."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from shared.settings.problems import ConfigurationError, Place, Problem


@dataclass(frozen=True)
class Document:
    """A parsed file; without one, an empty document."""

    path: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)
    """Line numbers, from 1, by place."""
    repeated: list[Place] = field(default_factory=list)
    """Settings that are written more than once in one section; YAML itself would keep the last one silently."""


def read_document(path: Path) -> Document:
    """Return what a file says; raise `ConfigurationError`."""
    try:
        text = path.read_text()
        root = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigurationError([Problem(f"{path} cannot be read: {error.strerror}.")]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Problem(f"{path} is not written in UTF-8.")]) from None
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError([Problem(f"{path} is not valid YAML{line}: {error.problem}.")]) from None
    except yaml.YAMLError as error:
        raise ConfigurationError([Problem(f"{path} is not valid YAML: {error}.")]) from None
    if values is None:
        return Document(path)
    if not isinstance(values, dict):
        raise ConfigurationError([Problem(f"{path} must hold a mapping of sections, such as 'models:'.")])
    document = Document(path, values)
    _note(root, (), document)
    return document


def _note(node: yaml.Node | None, place: Place, document: Document) -> None:
    if node is None:
        return
    document.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        names: set[Hashable] = set()
        for key, value in node.value:
            inner = (*place, str(key.value))
            document.lines[inner] = key.start_mark.line + 1
            if key.value in names:
                document.repeated.append(inner)
            names.add(key.value)
            _note(value, inner, document)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note(item, (*place, index), document)
