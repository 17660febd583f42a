"""Masks by regular expressions."""

import time

from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.domain.guardrail import Guardrail
from services.guardrails.domain.judging import judge, rewritten
from services.guardrails.domain.text_lane import PlainLane
from tests.unit.guardrails.behaviour import GuardrailBehaviour
from tests.unit.guardrails.making import masking

PATTERNS = (r"\b\d{3}-\d{2}-\d{4}\b", r"(?i)sk-[a-z0-9]{4,12}", r"^no$", r"ab{1,3}", r"bcd?")


class TestRegexMask(GuardrailBehaviour):
    """The inherited suite, and what is special to masks."""

    found = ("123-45-6789", "my SK-abcd12!", "no", "abb", "abcd", "bc")
    passing = ("123-45-67890", "sk-xyz", "not", "a", "cd", "")
    alphabet = "abcd-123 sSkKno"

    def make(self) -> Guardrail:
        """Return the guardrail."""
        return masking(*PATTERNS)

    def make_in(self, mode: str) -> Guardrail:
        """Return the guardrail in a mode."""
        return masking(*PATTERNS, mode=mode)

    def test_matches_that_overlap_are_masked_as_one(self) -> None:
        """Nothing of a match stays because another began before it."""
        guardrail = masking("ab", "bcd", replacement="#")
        assert rewritten("xabcdx", judge("xabcdx", [guardrail])) == "x#x"

    def test_matches_that_overlap_wait_for_each_other(self) -> None:
        """In a stream, the first is not let go before it is known where the second ends."""
        lane = PlainLane([masking("abc", "cde", replacement="#")])
        assert "".join([lane.feed(character) for character in "xabcdexx"]) + lane.finish() == "x#xx"

    def test_a_pattern_that_others_would_choke_on_is_harmless(self) -> None:
        """The time is linear in the text."""
        guardrail = masking(r"(a+)+$")
        text = "a" * 50_000 + "b"
        started = time.process_time()
        assert guardrail.judge(text) == ()
        assert time.process_time() - started < 5

    def test_an_endless_match_leaks_nothing_and_holds_little(self) -> None:
        """A match that goes on and on is masked in parts; none of it comes out."""
        lane = PlainLane([masking(r"\d+", stream_window=16, replacement="#")])
        out = "".join([lane.feed("7" * 10) for _ in range(1000)]) + lane.finish()
        assert set(out) == {"#"}
        assert len(out) > 10

    @given(st.text("1 x", max_size=40), st.integers(1, 7))
    def test_an_unbounded_pattern_is_whole_within_the_window(self, text: str, size: int) -> None:
        """Matches within the window are masked as in the whole text, in any pieces."""
        guardrail = masking(r"1+x", stream_window=64, replacement="#")
        lane = PlainLane([guardrail])
        out = "".join([lane.feed(text[at : at + size]) for at in range(0, len(text), size)]) + lane.finish()
        assert out == rewritten(text, judge(text, [guardrail]))

    def test_a_bounded_pattern_holds_its_longest_match_only(self) -> None:
        """The window is for patterns that say no bound."""
        assert masking(r"\d{3}-\d{4}").hold == 8
        assert masking(r"\d{3}-\d{4}", r"x+").hold == 256
        assert masking(r"x+", stream_window=32).hold == 32

    def test_groups_of_the_same_name_are_no_trouble(self) -> None:
        """Patterns know nothing of each other."""
        guardrail = masking(r"(?P<n>a)x", r"(?P<n>b)x", replacement="#")
        assert guardrail.may_match("bx")
        assert rewritten("ax bx", judge("ax bx", [guardrail])) == "# #"
