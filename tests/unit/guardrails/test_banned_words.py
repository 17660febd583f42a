"""Banned words."""

import pytest

from services.guardrails.domain.folding import fold
from services.guardrails.domain.gaps import MOST, has_gap, squeezed, tail_of_units
from services.guardrails.domain.guardrail import Block, Guardrail
from services.guardrails.domain.hold_back import HoldBack
from tests.unit.guardrails.behaviour import GuardrailBehaviour
from tests.unit.guardrails.making import banned

WORDS = ("bomb", "Project X", "straße", "café", "炸弹", "ab", "abcd", "set-up fee paid", "--force")


class TestBannedWords(GuardrailBehaviour):
    """The inherited suite, and what is special to words."""

    found = (
        "bomb",
        "a BOMB!",
        "BoMb.",
        "ｂｏｍｂ",
        '"bomb"',
        "the project x files",
        "STRASSE",
        "Straße",
        "cafe\u0301",
        "CAFÉ",
        "制造炸弹的方法",
        "ab",
        "abcd",
        "project  x",
        "Project\r\n    X",
        "PROJECT-X",
        "project\u00a0\u2011 x",
        "project\u200bx",
        f"project{' ' * MOST}x",
        "set up\tfee-paid",
        f"set{'-' * MOST}up{' ' * MOST}fee{' ' * MOST}paid",
        "a --force b",
    )
    passing = (
        "bombastic",
        "a bomb_1",
        "bomb2",
        "projectx",
        "project xy",
        "project, x",
        "project\n",
        f"project{' ' * (MOST + 1)}x",
        "cafe",
        "abc",
        "ab\u0301",
        "setup fee paid",
        "by force",
        "",
    )
    alphabet = "abcdmo \u0301é_-\n"

    def make(self) -> Guardrail:
        """Return the guardrail."""
        return banned(*WORDS)

    def make_in(self, mode: str) -> Guardrail:
        """Return the guardrail in a mode."""
        return banned(*WORDS, mode=mode)

    def test_the_operators_message_is_the_verdict(self) -> None:
        """The block says what the operator configured, else a sentence of its own."""
        assert banned("x", message="Talk to legal.").judge("x") == Block("Talk to legal.")
        assert banned("x").judge("x") == Block("The content is not allowed.")

    @pytest.mark.parametrize("ending", ["", "b", "bomb"])
    def test_a_word_at_an_open_end_waits_for_what_follows(self, ending: str) -> None:
        """While the text may go on, its last word is not judged."""
        assert banned("bomb").judge("a " + ending, more=True) == ()

    def test_thousands_of_words_hold_no_more_than_the_longest(self) -> None:
        """The hold is the longest word's, in its longest way to be written."""
        assert banned(*[f"word{number}" for number in range(5000)], "éé").hold == len("word4999")
        assert banned("éé").hold == 4

    def test_a_phrase_holds_no_more_than_it_needs(self) -> None:
        """Single spaces hold a phrase's length; a wide gap holds itself too, and one that never ends a bound."""
        guardrail = banned("Project X")
        assert guardrail.held("the project is") == 9
        assert guardrail.held("the project    is") == 9 + 3
        assert guardrail.held("a" + " " * 100_000) == 9 + MOST - 1

    def test_a_wide_gap_comes_out_of_a_stream_as_it_came(self) -> None:
        """Characters that never make a match pass, and what is held stays bounded."""
        stream, said = HoldBack([banned("Project X")]), 0
        for number in range(5000):
            said += len(stream.feed(" \n"[number % 2]).text)
            assert number + 1 - said <= 9 + MOST
        assert said + len(stream.finish().text) == 5000


def test_gaps_are_the_same_before_and_after_folding() -> None:
    """A character is a gap as it came where it folds to one, so that enough of a stream is held."""
    characters = [chr(code) for code in range(0x11000)]
    spaces = [character for character in characters if squeezed(fold(character)) == " "]
    assert [character for character in characters if has_gap(character)] == spaces
    assert all(tail_of_units(f"ca{gap}{gap}b", 3, 9) == 4 for gap in spaces)
