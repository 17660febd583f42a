"""How long a match of a regular expression can get, read from its text (RE2's syntax)."""

import math
import re

_REPEAT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_GROUP = re.compile(r"\(\?(?:P?<\w+>|[imsU-]*:)")
_FLAGS = re.compile(r"\(\?[imsU-]+\)")
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_ONE = re.compile(
    r"\\(?:[dDsSwWaftnrv]|[pP](?:\{\^?\w+\}|\w)|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|0[0-7]{0,2}|[^\w\s])"
)
_EMPTY = re.compile(r"\\[bBAz]|[\^$]")


class _NotUnderstood(Exception):
    """The pattern holds something whose width this reader does not know."""


def width_of(pattern: str) -> int | None:
    """Return the longest possible match in characters; None where there is no bound, or none was found."""
    try:
        width, end = _alternatives(pattern, 0)
    except _NotUnderstood:
        return None
    return None if end < len(pattern) or math.isinf(width) else int(width)


def _alternatives(pattern: str, at: int) -> tuple[float, int]:
    """Return the width of `a|b|c` and where it ends: at the end, or at the parenthesis that closes it."""
    width = 0.0
    while True:
        branch, at = _sequence(pattern, at)
        width = max(width, branch)
        if at == len(pattern) or pattern[at] == ")":
            return width, at
        at += 1


def _sequence(pattern: str, at: int) -> tuple[float, int]:
    width = 0.0
    while at < len(pattern) and pattern[at] not in "|)":
        atom, at = _atom(pattern, at)
        times, at = _times(pattern, at)
        width += atom * times if atom else 0
    return width, at


def _atom(pattern: str, at: int) -> tuple[float, int]:
    for expression, width in ((_FLAGS, 0), (_EMPTY, 0), (_ONE, 1), (_CLASS, 1)):
        if match := expression.match(pattern, at):
            return width, match.end()
    if pattern[at] == "(":
        return _group(pattern, at)
    if pattern[at] in "\\[*+?":
        raise _NotUnderstood
    return 1, at + 1


def _group(pattern: str, at: int) -> tuple[float, int]:
    opening = _GROUP.match(pattern, at)
    if opening is None and pattern.startswith("(?", at):
        raise _NotUnderstood
    width, end = _alternatives(pattern, opening.end() if opening else at + 1)
    if end == len(pattern):
        raise _NotUnderstood
    return width, end + 1


def _times(pattern: str, at: int) -> tuple[float, int]:
    """Return how often the atom before may stand, and where its repetition ends."""
    times = 1.0
    while at < len(pattern):
        repeat = _REPEAT.match(pattern, at)
        if repeat is not None:
            least, comma, most = repeat.groups()
            times *= math.inf if comma and not most else max(1, int(most or least))
            at = repeat.end()
        elif pattern[at] in "*+":
            times, at = math.inf, at + 1
        elif pattern[at] == "?":
            at += 1
        else:
            break
    return times, at
