"""Blocks text that holds one of a list of words or phrases, thousands if need be (Aho-Corasick)."""

import ahocorasick

from services.guardrails.checks.modes import modes_of
from services.guardrails.domain.folding import fold, joined, longest_form
from services.guardrails.domain.guardrail import PASS, Block, Verdict
from shared.settings.guardrails import GuardrailSettings

DEFAULT_MESSAGE = "The content is not allowed."


class BannedWords:
    """Whole words, whatever their case and width."""

    def __init__(self, settings: GuardrailSettings) -> None:
        self.name = settings.name
        self.modes = modes_of(settings)
        self.hold = max(longest_form(word) for word in settings.words)
        self._block = Block(settings.message or DEFAULT_MESSAGE)
        self._automaton = ahocorasick.Automaton()
        for word in settings.words:
            folded = fold(word)
            self._automaton.add_word(folded, len(folded))
        self._automaton.make_automaton()

    def may_match(self, lines: str) -> bool:
        """Tell whether a word stands in any of the lines; words hold no newline, so that none spans two."""
        return self._found(fold(lines), 0, more=False)

    def judge(self, text: str, start: int = 0, *, more: bool = False) -> Verdict:
        """Block when a word begins at `start` or behind it."""
        before = fold(text[:start])
        found = self._found(before + fold(text[start:]), len(before), more=more)
        return self._block if found else PASS

    def _found(self, text: str, start: int, *, more: bool) -> bool:
        """With `more`, a word at the very end does not count: its next character may make another word of it."""
        size = len(text)
        for last, length in self._automaton.iter(text):
            first, end = last - length + 1, last + 1
            if first < start or (first > 0 and joined(text[first - 1], text[first])):
                continue
            if not more if end == size else not joined(text[last], text[end]):
                return True
        return False
