"""What the beginning of a form says, before its files have come."""

import re
from email.message import Message

_NAME = re.compile(rb'\bname="([^"\r\n]{1,64})"')
_LONGEST = 256
"""Bytes of a field's value that counts; what is longer is no model and no number."""

MOST_PARTS = 64
"""Parts of a form that is read: more would hold the event loop, and no client of a provider writes as many."""


def form_fields(content_type: str, beginning: bytes) -> dict[str, str]:
    """Return the short fields of a form that ended within its beginning, files aside.

    Nothing for what is no form, or has too many parts. A field that stands there twice, with different values, is left
    out: two readers could see different ones.
    """
    boundary = _boundary(content_type)
    if not boundary:
        return {}
    # What stands before the first part is none, and the last one may go on beyond the beginning.
    parts = (b"\r\n" + beginning).split(b"\r\n--" + boundary, MOST_PARTS + 2)[1:-1]
    if len(parts) > MOST_PARTS:
        return {}
    fields: dict[str, str] = {}
    doubtful: set[str] = set()
    for part in parts:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None or b"filename" in head or len(value) > _LONGEST:
            continue
        key, text = name[1].decode(errors="replace"), value.decode(errors="replace").strip()
        if fields.setdefault(key, text) != text:
            doubtful.add(key)
    return {key: text for key, text in fields.items() if key not in doubtful}


def _boundary(content_type: str) -> bytes:
    if not content_type.lower().startswith("multipart/"):
        return b""
    message = Message()
    message["content-type"] = content_type
    return (message.get_boundary() or "").encode(errors="replace")
