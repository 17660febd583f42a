"""Texts of the configuration that have a form: what is wrong with one is told as a sentence, not as a pattern."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST = 256
"""Characters of an id or a name."""


def _like(pattern: str, sentence: str) -> Callable[[str], str]:
    """Return a check of the whole text that raises `ValueError` with the sentence."""
    form = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(sentence)
        return value

    return check


_DURATION = "^[1-9][0-9]{0,5}(s|m|h|d|w|mo)$"
_DIGEST = "^[0-9a-f]{64}$"
_MOUNT = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
_ID = r"^[^\x00-\x1f\x7f]+$"
_NAME = r"^[^\x00-\x1f\x7f]*$"

Duration = Annotated[
    str,
    AfterValidator(_like(_DURATION, "use a number and s, m, h, d, w or mo, such as 30d")),
    Field(json_schema_extra={"pattern": _DURATION}),
]
"""A number and a unit, such as `30d` or `1mo`."""

_PERIOD = f"{_DURATION[:-1]}$|^(hourly|daily|weekly|monthly)$"

Period = Annotated[
    str,
    AfterValidator(_like(_PERIOD, "use a number and s, m, h, d, w or mo, such as 30d, or daily, weekly or monthly")),
    Field(json_schema_extra={"pattern": _PERIOD}),
]
"""How often a budget begins anew, such as `30d` or `monthly`."""

Id = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST, json_schema_extra={"pattern": _ID}),
    AfterValidator(_like(_ID, "leave control characters out of it")),
]
Name = Annotated[
    str,
    Field(max_length=LONGEST, json_schema_extra={"pattern": _NAME}),
    AfterValidator(_like(_NAME, "leave control characters out of it")),
]
Digest = Annotated[
    str,
    AfterValidator(_like(_DIGEST, "use the 64 hexadecimal digits of a SHA-256, in small letters")),
    Field(json_schema_extra={"pattern": _DIGEST}),
]
Mount = Annotated[
    str,
    AfterValidator(_like(_MOUNT, "use letters, digits, '_' and '-', with '/' between parts, such as kv/teams")),
    Field(json_schema_extra={"pattern": _MOUNT}),
]
"""Where a store of Vault is mounted."""
