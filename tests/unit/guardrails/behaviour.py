"""What every guardrail must do, whatever it looks for; each guardrail's test inherits it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.domain.guardrail import Block, Blocked, Guardrail
from services.guardrails.domain.judging import judge, rewritten
from services.guardrails.domain.text_lane import PlainLane


class GuardrailBehaviour:
    """Inherit it, and say how the guardrail is made, what it finds and what it lets pass."""

    found: Sequence[str]
    passing: Sequence[str]
    alphabet: str

    def make(self) -> Guardrail:
        """Return the guardrail; each subclass says how."""
        raise AssertionError("a subclass makes the guardrail")

    def text(self) -> st.SearchStrategy[str]:
        """Return texts in which matches are likely."""
        words = st.sampled_from([*self.found, *self.passing, " ", "\n", "", "é", "😀"])
        pieces = st.one_of(words, st.text(self.alphabet, max_size=5))
        return st.lists(pieces, max_size=8).map("".join)

    def outcome(self, guardrail: Guardrail, text: str) -> str | None:
        """Return the text as it goes out, None if it is blocked."""
        try:
            return rewritten(text, judge(text, [guardrail]))
        except Blocked:
            return None

    def test_it_finds_what_it_must_and_nothing_else(self) -> None:
        """Examples of both kinds."""
        guardrail = self.make()
        assert [self.outcome(guardrail, text) == text for text in self.found] == [False] * len(self.found)
        assert [self.outcome(guardrail, text) for text in self.passing] == list(self.passing)

    def test_the_quick_look_is_never_wrong_about_nothing(self) -> None:
        """Where the quick look at joined texts says no, none of them holds a match."""
        guardrail = self.make()

        @given(st.lists(self.text(), max_size=4))
        def check(texts: list[str]) -> None:
            if not guardrail.may_match("\n".join(texts)):
                assert [self.outcome(guardrail, text) for text in texts] == texts

        check()

    def test_a_stream_in_any_pieces_says_what_the_whole_text_says(self) -> None:
        """No way of cutting a text lets a match through, splits one, or loses anything else."""
        guardrail = self.make()

        @given(st.data())
        def check(data: st.DataObject) -> None:
            text = data.draw(self.text())
            at = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
            lane = PlainLane([guardrail])
            out = ""
            try:
                for start, end in zip([0, *at], [*at, len(text)], strict=True):
                    out += lane.feed(text[start:end])
                out += lane.finish()
            except Blocked:
                assert self.outcome(guardrail, text) is None
                assert text.startswith(out)
                assert judge(out, [guardrail], more=True) == []
            else:
                assert out == self.outcome(guardrail, text)

        check()

    def test_what_went_out_still_counts_as_context(self) -> None:
        """Character by character, amid other text, each example ends as it does in the whole text."""
        guardrail = self.make()
        for example in (*self.found, *self.passing):
            for before in ("x", "a ", "1", "é", "\n"):
                text = f"{before}{example} {'.' * (guardrail.hold + 2)}"
                lane = PlainLane([guardrail])
                try:
                    out: str | None = "".join([lane.feed(character) for character in text]) + lane.finish()
                except Blocked:
                    out = None
                assert out == self.outcome(guardrail, text)

    def test_what_stands_before_the_start_is_context_only(self) -> None:
        """A match that begins before the start is not reported."""
        guardrail = self.make()

        @given(self.text(), st.integers(0, 40))
        def check(text: str, start: int) -> None:
            verdict = guardrail.judge(text, min(start, len(text)))
            if not isinstance(verdict, Block):
                assert all(span.start >= min(start, len(text)) for span in verdict)

        check()

    @pytest.mark.parametrize("mode", ["pre_call", "post_call", "both"])
    def test_it_runs_when_it_is_told_to(self, mode: str) -> None:
        """The configured mode says whether requests, answers or both are looked at."""
        expected = {"pre_call": {"pre_call"}, "post_call": {"post_call", "stream"}}
        assert self.make_in(mode).modes == expected.get(mode, {"pre_call", "post_call", "stream"})

    def make_in(self, mode: str) -> Guardrail:
        """Return the guardrail in a mode; each subclass says how."""
        raise AssertionError("a subclass makes the guardrail")
