"""Every log call in the code, read as code: static event names, facts as keywords, nothing that is said to a model."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = sorted(path for package in ("services", "shared", "tollway") for path in (ROOT / package).rglob("*.py"))

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "fatal", "msg", "log", "warn"}
EVENT = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
SECRETS = {"api_key", "authorization", "body", "completion", "content", "key", "password", "prompt", "text"}
"""Names that a fact must not have: what they name belongs in no log."""


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of a module's `log`, and those of names that stand for one of its methods."""
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(_is_method(part) for part in ast.walk(node.value))
        for target in node.targets
        if isinstance(target, ast.Name) and not isinstance(node.value, ast.Call)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (
            _is_method(node.func) or (isinstance(node.func, ast.Name) and node.func.id in aliases)
        ):
            yield node


def _is_method(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in LEVELS
        and isinstance(node.value, ast.Name)
        and node.value.id == "log"
    )


def events_of(argument: ast.expr) -> list[object]:
    """Return the names that an argument may stand for; one that is no constant is None."""
    if isinstance(argument, ast.IfExp):
        return events_of(argument.body) + events_of(argument.orelse)
    return [argument.value if isinstance(argument, ast.Constant) else None]


CALLS = [(path, call) for path in SOURCES for call in log_calls(ast.parse(path.read_text()))]


def test_the_calls_are_found() -> None:
    """A module that logs under another name than `log` would escape the tests here."""
    assert len(CALLS) > 60
    loggers = re.compile(r"(\w+)(?:: [\w.]+)? = structlog\.get_logger\(")
    assert {name for path in SOURCES for name in loggers.findall(path.read_text())} == {"log"}
    assert {path.name for path in SOURCES if "import logging" in path.read_text()} == {"logs.py"}


@pytest.mark.parametrize(("path", "call"), CALLS, ids=[f"{p.relative_to(ROOT)}:{c.lineno}" for p, c in CALLS])
def test_an_event_is_a_constant_and_its_facts_are_named(path: Path, call: ast.Call) -> None:
    """`service.event`, never a sentence made of values; nothing positional, and no fact that would be a secret."""
    assert len(call.args) == 1
    for event in events_of(call.args[0]):
        assert isinstance(event, str)
        assert EVENT.fullmatch(event), event
    assert not {keyword.arg for keyword in call.keywords if keyword.arg} & SECRETS
