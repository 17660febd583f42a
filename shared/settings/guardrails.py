"""The sections about guardrails."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from shared.settings.section import Section


class GuardrailSettings(Section):
    """One guardrail by its type; `docs/guardrails.md` says what each reads."""

    name: str = Field(min_length=1, max_length=64)
    """What callers of blocked content are told, and what requests ask for it by."""
    type: Literal["banned_words", "regex_mask"]
    """What it does."""
    mode: Literal["pre_call", "post_call", "both"] = "pre_call"
    """Look at requests, at answers, or at both."""
    words: tuple[str, ...] = ()
    """Words and phrases that block, for `banned_words`."""
    patterns: tuple[str, ...] = ()
    """What is masked, for `regex_mask`, in RE2's syntax."""
    replacement: str = "[masked]"
    """What stands in its place."""
    message: str = ""
    """What the caller of blocked content is told, beside the guardrail's name."""
    stream_window: int = Field(256, ge=1, le=4096)
    """Characters of a stream that wait for patterns whose longest match cannot be told."""

    @field_validator("words")
    @classmethod
    def _check_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        stripped = tuple(word.strip() for word in words)
        for word in stripped:
            if not word or not word.isprintable() or len(word) > 200:
                raise ValueError(f"{word[:40]!r} is not a word or phrase of 1 to 200 printable characters")
        return stripped

    @field_validator("patterns")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        # Only processes that read guardrails from a file need the library.
        import re2

        quiet = re2.Options()
        quiet.log_errors = False
        for pattern in patterns:
            try:
                empty = re2.compile(pattern, quiet).search("") is not None
            except re2.error as error:
                raise ValueError(
                    f"'{pattern}' is not a regular expression that RE2 reads: {_told(error, pattern)}"
                ) from None
            if empty:
                raise ValueError(f"'{pattern}' matches the empty text, so it would match everywhere")
        return patterns

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        needed = {"banned_words": "words", "regex_mask": "patterns"}[self.type]
        if not getattr(self, needed):
            raise ValueError(f"guardrail '{self.name}' of type {self.type} needs '{needed}'")
        return self


def _told(error: Exception, pattern: str) -> str:
    """Return what RE2 says of a pattern, in text, and where it is; RE2 names the part, not its place."""
    said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
    reason, _, part = said.partition(": ")
    at = pattern.find(part) if part else -1
    return f"{said}, at character {at + 1}" if 0 < len(part) < len(pattern) and at >= 0 else reason
