"""How words are compared: without case, width and the ways to write one character."""

import re
import unicodedata

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana and Han: scripts that put no space between words."""


def fold(text: str) -> str:
    """Return the text in the form that is compared: Unicode's NFKC, casefolded, NFKC again (UAX #15, D146)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def longest_form(text: str) -> int:
    """Return how many characters a text may have that folds to the same as this one."""
    return len(unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()))


def joined(left: str, right: str) -> bool:
    """Tell whether two neighbouring characters belong to one word."""
    return _in_word(left) and _in_word(right)


def _in_word(character: str) -> bool:
    if _UNSPACED.match(character):
        return False
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"
