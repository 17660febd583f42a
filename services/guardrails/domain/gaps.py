"""What may stand between the words of a phrase: spaces, line breaks and hyphens of any kind, one or some."""

import re

MOST = 64
"""So many in a row are a gap. More of them part two texts, so that no stream waits for the end of a long row."""

_OTHERS = (
    "\t-\r\x1c-\x1f\x85\xa0\xad\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
    r"\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u207b\u208b\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0"
    "\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead"
)
"""Unicode's white space but the space, its dashes (Pd), minus, bullet and soft hyphen, spaces without width."""

_OTHER = re.compile(f"[{_OTHERS}]")
_ASCII = {code: " " for code in range(128) if _OTHER.match(chr(code))}
_GAP = re.compile(f"[ {_OTHERS}]")
_WIDE = re.compile(f"[ {_OTHERS}]{{2}}")
_UNIT = re.compile(f"[ {_OTHERS}]+|.", re.DOTALL)
_TOO_WIDE = " " * (MOST + 1)
_BREAK = "\n"


def squeezed(folded: str) -> str:
    """Return a folded text with one space for each gap, and with a line break where there is more than a gap."""
    text = folded.translate(_ASCII) if folded.isascii() else _OTHER.sub(" ", folded)
    if "  " not in text:
        return text
    text = text.replace(_TOO_WIDE, _BREAK)
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def has_gap(folded: str) -> bool:
    """Tell whether any gap is in the text."""
    return _GAP.search(folded) is not None


def is_phrase(folded: str) -> bool:
    """Tell whether gaps part a text into words; one that begins or ends with a gap is no phrase."""
    inner = has_gap(folded) and not _GAP.match(folded[0]) and not _GAP.match(folded[-1])
    return inner and _BREAK not in squeezed(folded)


def tail_of_units(text: str, count: int, most: int) -> int:
    """Return how many characters at the end of a text make `count` units, a gap being one; at most `most`.

    A text that is shorter is all tail; the answer may then be larger than the text.
    """
    if _WIDE.search(text, max(0, len(text) - count)) is None:
        return count
    tail = text[-most:]
    begins = [unit.start() for unit in _UNIT.finditer(tail)]
    return len(tail) - begins[-count] if len(begins) > count else most
