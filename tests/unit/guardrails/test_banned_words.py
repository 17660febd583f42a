"""Banned words."""

import pytest

from services.guardrails.domain.guardrail import Block, Guardrail
from tests.unit.guardrails.behaviour import GuardrailBehaviour
from tests.unit.guardrails.making import banned

WORDS = ("bomb", "Project X", "straße", "café", "炸弹", "ab", "abcd")


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
    )
    passing = ("bombastic", "a bomb_1", "bomb2", "projectx", "project xy", "cafe", "abc", "ab\u0301", "")
    alphabet = "abcdmo \u0301é_"

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
