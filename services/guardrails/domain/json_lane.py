"""Tool arguments as they stream: JSON text whose strings are texts of their own."""

import re
from collections.abc import Sequence

from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.hold_back import HoldBack, Released
from services.guardrails.domain.json_text import escaped, rewrite_run, unescaped

MAX_RUN = 1024
"""Characters outside of strings that are waited for; no number is as long, so a longer run is no JSON."""

_PLAIN = re.compile(r'[^"\\]+')
_RUN = re.compile(r'[^"{}\[\],:]+')
_HIGH_SURROGATE = re.compile(r"\\u[dD][89abAB]")
_LOW_SURROGATE = re.compile(r"\\u[dD][c-fC-F]")


class JsonLane:
    """Checks each string by what it says, not by how it is escaped, and keeps the escapes of what passes.

    A number or another word outside of strings is looked at as well; where it must be replaced, a string
    takes its place, so that the arguments stay JSON.
    """

    def __init__(self, guardrails: Sequence[Guardrail]) -> None:
        self._guardrails = guardrails
        self._string: HoldBack | None = None
        self._units: list[str] = []
        """How each held character of the string was written."""
        self._pending = ""

    def feed(self, text: str) -> str:
        """Take a piece and return what may go out; raises `Blocked`."""
        text = self._pending + text
        out: list[str] = []
        at, more = 0, True
        while more and at < len(text):
            if self._string is None:
                at, more = self._outside(text, at, out)
            else:
                at, more = self._inside(self._string, text, at, out)
        self._pending = text[at:]
        return "".join(out)

    def finish(self) -> str:
        """Return what was held, also of arguments that were cut off; raises `Blocked`."""
        rest, self._pending = self._pending, ""
        if self._string is None:
            return rewrite_run(rest, self._guardrails)
        self._units += rest
        return self._written(self._string.feed(rest)) + self._close(self._string)

    def _outside(self, text: str, at: int, out: list[str]) -> tuple[int, bool]:
        """Take a run or a mark; return where the next begins, and False where it is not all there."""
        run = _RUN.match(text, at)
        if run is not None:
            if run.end() == len(text) < at + MAX_RUN:
                return at, False
            out.append(rewrite_run(run[0], self._guardrails))
            return run.end(), True
        if text[at] == '"':
            self._string = HoldBack(self._guardrails)
        out.append(text[at])
        return at + 1, True

    def _inside(self, string: HoldBack, text: str, at: int, out: list[str]) -> tuple[int, bool]:
        """Take a string up to its end or to where it is not all there."""
        said: list[str] = []
        while at < len(text) and text[at] != '"':
            plain = _PLAIN.match(text, at)
            end = plain.end() if plain else at + _escape_size(text, at)
            if end > len(text):
                break
            said.append(self._character(text[at:end]) if plain is None else self._plain(plain[0]))
            at = end
        out.append(self._written(string.feed("".join(said))))
        if at < len(text) and text[at] == '"':
            out.append(self._close(string) + '"')
            return at + 1, True
        return at, False

    def _plain(self, text: str) -> str:
        self._units += text
        return text

    def _character(self, escape: str) -> str:
        """Note how a character is written and return it; nonsense stays as it is, character by character."""
        text = unescaped(escape)
        self._units += [escape] if len(text) == 1 else escape
        return text

    def _close(self, string: HoldBack) -> str:
        self._string = None
        return self._written(string.finish())

    def _written(self, released: Released) -> str:
        """Return released characters as they were written, replacements escaped."""
        units, self._units = self._units[: len(released.text)], self._units[len(released.text) :]
        parts: list[str] = []
        kept = 0
        for start, end, replacement in released.spans:
            parts += units[kept:start]
            parts.append(escaped(replacement))
            kept = end
        return "".join(parts + units[kept:])


def _escape_size(text: str, at: int) -> int:
    """Return the length of the escape that begins there; more than there is when that cannot be told yet."""
    if text[at + 1 : at + 2] != "u":
        return 2
    if not _HIGH_SURROGATE.match(text, at):
        return 6
    low = text[at + 6 : at + 10]
    if len(low) < 4 and "\\ud".startswith(low.lower()):
        return 12
    return 12 if _LOW_SURROGATE.match(low) else 6
