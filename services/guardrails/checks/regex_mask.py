"""Replaces what matches a regular expression (RE2, whose time is linear in the text, whatever the pattern)."""

import re
from collections.abc import Sequence
from typing import Any

import re2

from services.guardrails.checks.modes import modes_of
from services.guardrails.checks.regex_width import width_of
from services.guardrails.domain.guardrail import PASS, Span, Verdict
from shared.settings.guardrails import GuardrailSettings

MAX_HOLD = 4096
"""Characters of a stream that are held at most, also for patterns whose matches can get longer."""

_ANCHORED = re.compile(r"\\[Az]|\(\?[a-zA-Z]*-")
"""A pattern that may see the difference between the end of a line and the end of a text."""


class RegexMask:
    """Each pattern is looked for by itself; matches that overlap are masked as one."""

    def __init__(self, settings: GuardrailSettings) -> None:
        self.name = settings.name
        self.modes = modes_of(settings)
        widths = [width_of(pattern) or settings.stream_window for pattern in settings.patterns]
        self.hold = min(max(widths), MAX_HOLD)
        self._replacement = settings.replacement
        self._patterns = [re2.compile(pattern) for pattern in settings.patterns]
        self._any = _any_of(settings.patterns)

    def may_match(self, lines: str) -> bool:
        """Tell whether any pattern matches in the lines, by one look for all of them."""
        return self._any is None or self._any.search(lines) is not None

    def held(self, text: str) -> int:
        """Return the hold."""
        return self.hold

    def judge(self, text: str, start: int = 0, *, more: bool = False) -> Verdict:
        """Return the matches. Of those near the end of a text with `more`, the caller waits for `hold`."""
        if self._any is not None and self._any.search(text, start) is None:
            return PASS
        spans: list[Span] = []
        for pattern in self._patterns:
            for match in pattern.finditer(text, start):
                first, end = match.span()
                if end > first:
                    spans.append(Span(first, end, self._replacement))
        return spans


def _any_of(patterns: Sequence[str]) -> Any | None:
    """Return one pattern that matches in lines where any of these matches in one of them; None if there is none."""
    if any(_ANCHORED.search(pattern) for pattern in patterns):
        return None
    quiet = re2.Options()
    quiet.log_errors = False
    try:
        return re2.compile("|".join(f"(?m:{pattern})" for pattern in patterns), quiet)
    except re2.error:
        # Together they are too large, or two of them have a group of the same name.
        return None
