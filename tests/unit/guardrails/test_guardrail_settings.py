"""What the configuration refuses."""

from pathlib import Path

import pytest

from shared.settings import ConfigurationError, load


def refusal(tmp_path: Path, text: str) -> str:
    """Return what is said about a configuration."""
    path = tmp_path / "tollway.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load(path, {})
    return str(error.value)


@pytest.mark.parametrize(
    ("guardrails", "said"),
    [
        ("[{name: a, type: banned_words}]", "guardrail 'a' of type banned_words needs 'words'"),
        ("[{name: a, type: regex_mask}]", "guardrail 'a' of type regex_mask needs 'patterns'"),
        ("[{name: a, type: banned_words, words: [' ']}]", "is not a word or phrase"),
        (
            "[{name: a, type: regex_mask, patterns: ['x(a']}]",
            "'guardrails[0].patterns': 'x(a' is not a regular expression that RE2 reads: missing )",
        ),
        (
            "[{name: a, type: regex_mask, patterns: ['(é)\\1']}]",
            "'(é)\\1' is not a regular expression that RE2 reads: invalid escape sequence: \\1, at character 4",
        ),
        (
            "[{name: a, type: regex_mask, patterns: ['é\\']}]",
            "'é\\' is not a regular expression that RE2 reads: trailing \\",
        ),
        ("[{name: a, type: regex_mask, patterns: ['a*']}]", "matches the empty text"),
        (
            "[{name: a, type: banned_words, words: [x]}, {name: a, type: banned_words, words: [y]}]",
            "two guardrails have the name 'a'",
        ),
    ],
)
def test_a_guardrail_that_cannot_work_is_refused(tmp_path: Path, guardrails: str, said: str) -> None:
    """One sentence says what is wrong, and where."""
    message = refusal(tmp_path, f"guardrails: {guardrails}")
    assert said in message
    assert "guardrails" in message
