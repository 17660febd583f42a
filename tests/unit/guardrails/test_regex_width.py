"""How long a match can get."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.checks.regex_width import width_of

_atoms = st.sampled_from(["a", "b", ".", r"\d", "[ab]", "[^a]", r"\b", "^", "$", r"\.", r"\pL", "[[:alpha:]b]", "é"])
_quantifiers = st.sampled_from(["", "", "?", "{2}", "{1,3}", "*", "+", "{2,}", "{,2}", "??"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    grouped = st.builds(lambda open, text: f"{open}{text})", st.sampled_from(["(", "(?:", "(?i:", "(?P<n>"]), inner)
    quantified = st.builds(str.__add__, grouped, _quantifiers)
    return st.one_of(quantified, st.builds("{}|{}".format, inner, inner), st.builds(str.__add__, inner, inner))


PATTERNS = st.recursive(st.builds(str.__add__, _atoms, _quantifiers), _grown, max_leaves=6)


@given(PATTERNS, st.text("ab1.é{,2}", max_size=20))
def test_no_match_is_longer_than_the_width(pattern: str, text: str) -> None:
    """The bound holds for whatever RE2 finds."""
    options = re2.Options()
    options.log_errors = False
    options.longest_match = True
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        return
    width = width_of(pattern)
    if width is not None:
        assert all(match.end() - match.start() <= width for match in compiled.finditer(text))


@pytest.mark.parametrize(
    ("pattern", "width"),
    [
        (r"\b\d{3}-\d{2}-\d{4}\b", 11),
        (r"(?i)sk-[A-Za-z0-9_-]{20,48}", 51),
        (r"cat|horse", 5),
        (r"(?:ab?){2}c", 5),
        (r"\x41\x{1F600}\p{Greek}", 3),
        (r"a{,5}", 5),
        (r"\d+", None),
        (r"a{3,}", None),
        (r"\Qa+\E", None),
        (r"(?:a*)b", None),
    ],
)
def test_the_width_of_usual_patterns(pattern: str, width: int | None) -> None:
    """Bounded patterns tell their width, others tell none."""
    assert width_of(pattern) == width
