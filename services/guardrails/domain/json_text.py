"""Text inside of JSON text: the strings of tool arguments, of their schemas and of structured results."""

import json
import re
from collections.abc import Sequence

from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.judging import judge, rewritten

_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+\\?)(?:"|\Z)|([^"{}\[\],:]++)', re.DOTALL)
"""A string, or a run of anything but structure: a number, `true`, spaces, or what is no JSON at all.

A string that never ends goes to the end of the text. Looking for that end from each quote within it would take seconds.
"""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def texts_in(raw: str) -> list[str]:
    """Return the texts of a JSON text: its strings, names included, and whatever stands outside of them."""
    return [unescaped(string) if string else run for string, run in _TOKEN.findall(raw)]


def rewrite_json(raw: str, guardrails: Sequence[Guardrail]) -> str:
    """Return the JSON text with its texts checked one by one; what need not change stays as it was written.

    Raises `Blocked`.
    """

    def checked(token: re.Match[str]) -> str:
        if token[2] is not None:
            return rewrite_run(token[2], guardrails)
        text = unescaped(token[1])
        spans = judge(text, guardrails)
        return f'"{escaped(rewritten(text, spans))}"' if spans else token[0]

    return _TOKEN.sub(checked, raw)


def rewrite_run(run: str, guardrails: Sequence[Guardrail]) -> str:
    """Return what stands outside of strings; where something must be replaced, a string takes its place."""
    text = run.strip()
    spans = judge(text, guardrails) if text else ()
    if not spans:
        return run
    return run.replace(text, f'"{escaped(rewritten(text, spans))}"', 1)


def escaped(text: str) -> str:
    """Return a text as it stands inside of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def unescaped(string: str) -> str:
    """Return what the inside of a JSON string says; half characters become U+FFFD, nonsense stays as it is."""
    if "\\" not in string:
        return string
    try:
        text: str = json.loads(f'"{string}"', strict=False)
    except ValueError:
        return string
    return whole_characters(text)


def whole_characters(text: str) -> str:
    """Return a text in which U+FFFD stands for halves of characters, which no guardrail can read."""
    return _LONE_SURROGATE.sub("\ufffd", text)
