"""Which behaviour a request asked for, by its model's name or its `x-demo-behaviour` header."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

MAX_TOKENS = 1_000_000
"""The longest answer that can be asked for."""


class UnknownBehaviourError(ValueError):
    """The behaviour asked for is not in the grammar; the message says which part."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one request is to be answered; the default is at once and without a flaw.

    Durations are in seconds. Numbers of chunks count the pieces of the answer sent before it happens.
    `docs/demo-provider.md` describes every option.
    """

    latency: float = 0.0
    first_token: float = 0.0
    rate: float = 0.0
    tokens: int | None = None
    input: int | None = None
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    tool: str | None = None
    tools: int = 0
    echo: bool = False
    nonce: bool = False
    show: str | None = None
    finish: str | None = None
    usage: bool = True
    lenient: bool = False
    error: int | None = None
    retry_after: str | None = None
    error_after: int | None = None
    cut: int | None = None
    silence: int | None = None
    garbage: int | None = None
    length: str | None = None
    hang: str | None = None
    drop: bool = False
    first: int | None = None

    def without_faults(self) -> "Behaviour":
        """Return the same answer, given without latency, error or interruption."""
        return replace(
            self, latency=0.0, first_token=0.0, error=None, retry_after=None, error_after=None, cut=None,
            silence=None, garbage=None, length=None, hang=None, drop=False, first=None,
        )  # fmt: skip


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MAX_TOKENS:
        raise ValueError(text)
    return number


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)?", text)
    if match is None:
        raise ValueError(text)
    return float(match[1]) * {"ms": 0.001, "m": 60.0}.get(match[2], 1.0)


def _rate(text: str) -> float:
    rate = float(text.removesuffix("/s"))
    if not 0 < rate < float("inf"):
        raise ValueError(text)
    return rate


def _status(text: str) -> int:
    status = int(text)
    if not 400 <= status <= 599:
        raise ValueError(text)
    return status


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return parse


def _usage(text: str) -> bool:
    return _one_of("none", "full")(text) == "full"


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "latency": _duration,
    "first_token": _duration,
    "rate": _rate,
    "tokens": _count,
    "input": _count,
    "cached": _count,
    "cache_write": _count,
    "reasoning": _count,
    "tool": str,
    "tools": _count,
    "show": _one_of("body", "headers"),
    "finish": str,
    "usage": _usage,
    "error": _status,
    "retry_after": str,
    "error_after": _count,
    "cut": _count,
    "silence": _count,
    "garbage": _count,
    "length": _one_of("long", "short"),
    "hang": _one_of("connect", "first_byte", "first_token"),
    "first": _count,
}

_BARE: dict[str, tuple[str, Any]] = {
    "echo": ("echo", True),
    "nonce": ("nonce", True),
    "lenient": ("lenient", True),
    "drop": ("drop", True),
    "error_event": ("error_after", 0),
    "length": ("length", "long"),
    "show": ("show", "body"),
}
"""What an option means when it is written without a value."""


def _parsed(part: str) -> tuple[str, Any]:
    name, equals, value = part.partition("=")
    if not equals and name in _BARE:
        return _BARE[name]
    parse = _OPTIONS.get(name)
    if parse is None or not equals:
        raise UnknownBehaviourError(f"The demo provider knows no behaviour '{part}'.")
    try:
        return name, parse(value)
    except ValueError:
        raise UnknownBehaviourError(f"The demo provider cannot read the behaviour '{part}'.") from None


@lru_cache(maxsize=512)
def behaviour_of(model: str, header: str = "") -> Behaviour:
    """Return what `model;option=value;…` and the header `option=value;…` ask for; the header wins.

    Raises UnknownBehaviourError.
    """
    parts = [part.strip() for part in [*model.split(";")[1:], *header.split(";")]]
    return Behaviour(**dict(_parsed(part) for part in parts if part))
