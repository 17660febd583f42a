"""What the beginning of a form says, before its files have come."""

import re
from dataclasses import dataclass, field
from email.message import Message

_NAME = re.compile(rb'\bname="([^"\r\n]{1,64})"')
_LONGEST = 256
"""Bytes of a field's value that counts; what is longer is no model and no number."""

_PLAIN = re.compile(
    rb'content-disposition: *form-data; *name="[^"\r\n\\]{1,64}"(; *filename="[^"\r\n\\]*")?(; *filename\*=[^\s";]+)?'
    rb"|content-(type|length):[^\r\n]*",
    re.IGNORECASE,
)
"""A line of a part's head that every reader takes the same way, as clients write them."""

MOST_PARTS = 64
"""Parts of a form that is read: more would hold the event loop, and no client of a provider writes as many."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was read of a form."""

    fields: dict[str, str] = field(default_factory=dict)
    """The short ones, files aside. One that stands there twice, with different values, is left out."""
    certain: bool = False
    """True where the form was read to its end, and every reader sees the same names in it."""
    doubtful: frozenset[str] = frozenset()
    """Names that stand there twice with different values, or with one that does not count."""

    def is_certain_of(self, name: str) -> bool:
        """Tell whether every reader sees the same value of a field, or none."""
        return self.certain and name not in self.doubtful


def read_form(beginning: bytes, content_type: str, *, whole: bool = True) -> Form:
    """Return what the beginning of a form says; `whole` tells that it is all of it.

    Nothing is read of what is no form, or has too many parts. Run it by `Offload` for more than a beginning.
    """
    boundary = boundary_of(content_type)
    if not boundary:
        return Form()
    mark = b"--" + boundary
    # What stands before the first part is none, and the last one may go on beyond the beginning.
    pieces = (b"\r\n" + beginning).split(b"\r\n" + mark, MOST_PARTS + 2)
    parts = pieces[1:-1]
    if len(parts) > MOST_PARTS:
        return Form()
    ended = whole and not pieces[0] and pieces[-1].strip() == b"--" and beginning.count(mark) == len(pieces) - 1
    fields: dict[str, str] = {}
    doubtful: set[str] = set()
    for part in parts:
        head, _, value = part.partition(b"\r\n\r\n")
        ended = ended and _is_plain(head)
        name = _NAME.search(head)
        if name is None:
            continue
        key = name[1].decode(errors="replace")
        if b"filename" in head or len(value) > _LONGEST:
            doubtful.add(key)
            continue
        text = value.decode(errors="replace").strip()
        if fields.setdefault(key, text) != text:
            doubtful.add(key)
    return Form({key: text for key, text in fields.items() if key not in doubtful}, ended, frozenset(doubtful))


def _is_plain(head: bytes) -> bool:
    lines = head.split(b"\r\n")
    named = sum(line.lower().startswith(b"content-disposition") for line in lines)
    return named == 1 and not lines[0] and all(_PLAIN.fullmatch(line) for line in lines[1:])


def boundary_of(content_type: str) -> bytes:
    """Return what parts a form of this type; empty for what is no form."""
    if not content_type.lower().startswith("multipart/"):
        return b""
    message = Message()
    message["content-type"] = content_type
    return (message.get_boundary() or "").encode(errors="replace")
