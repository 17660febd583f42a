"""Blocks text that holds one of a list of words or phrases, thousands if need be (Aho-Corasick)."""

from collections.abc import Iterable

import ahocorasick

from services.guardrails.checks.modes import modes_of
from services.guardrails.domain.folding import fold, joined, longest_form
from services.guardrails.domain.gaps import MOST, has_gap, is_phrase, squeezed, tail_of_units
from services.guardrails.domain.guardrail import PASS, Block, Verdict
from shared.settings.guardrails import GuardrailSettings

DEFAULT_MESSAGE = "The content is not allowed."


class BannedWords:
    """Whole words, whatever their case and width, and phrases, whatever parts their words."""

    def __init__(self, settings: GuardrailSettings) -> None:
        self.name = settings.name
        self.modes = modes_of(settings)
        words = {fold(word) for word in settings.words}
        phrases = {squeezed(word) for word in words if is_phrase(word)}
        odd = {word for word in words if has_gap(word) and not is_phrase(word)}
        plain = {word for word in words if not has_gap(word)}
        self.hold = max(longest_form(word) for word in {*phrases, *odd, *plain})
        self._longest = max([self.hold, *[longest_form(phrase) + phrase.count(" ") * (MOST - 1) for phrase in phrases]])
        self._block = Block(settings.message or DEFAULT_MESSAGE)
        # Words without a gap are the same in a squeezed text, so that most lists cost one look.
        self._squeezed = _Words(phrases | plain) if phrases else None
        self._as_it_stands = _Words(odd if phrases else odd | plain) if odd or not phrases else None

    def may_match(self, lines: str) -> bool:
        """Tell whether a word stands in any of the lines, or a phrase over two of them."""
        return self._found(fold(lines), "", more=False)

    def judge(self, text: str, start: int = 0, *, more: bool = False) -> Verdict:
        """Block when a word begins at `start` or behind it."""
        found = self._found(fold(text[start:]), fold(text[:start])[-1:], more=more)
        return self._block if found else PASS

    def held(self, text: str) -> int:
        """Return the hold, and more where a gap at the end of the text is wide."""
        if self._squeezed is None:
            return self.hold
        return tail_of_units(text, self.hold, self._longest)

    def _found(self, text: str, before: str, *, more: bool) -> bool:
        if self._as_it_stands is not None and self._as_it_stands.found(text, before, more=more):
            return True
        return self._squeezed is not None and self._squeezed.found(squeezed(text), before, more=more)


class _Words:
    def __init__(self, words: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for word in words:
            self._automaton.add_word(word, len(word))
        self._automaton.make_automaton()

    def found(self, text: str, before: str, *, more: bool) -> bool:
        """Tell whether a word is in the text; `before` is the character before it, or empty.

        With `more`, a word at the very end does not count: its next character may make another word of it.
        """
        size = len(text)
        for last, length in self._automaton.iter(text):
            first, end = last - length + 1, last + 1
            left = text[first - 1] if first else before
            if left and joined(left, text[first]):
                continue
            if not more if end == size else not joined(text[last], text[end]):
                return True
        return False
