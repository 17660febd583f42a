"""The head of an HTTP answer as bytes."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

_REASONS = {status.value: status.phrase for status in HTTPStatus}


def head(status: int, ours: Mapping[str, str], theirs: Iterable[tuple[str, str]], length: int) -> bytes:
    """Return status line and headers of an answer of HTTP/1.1 whose body has `length` bytes.

    What its producer says (`theirs`) wins over `ours`, as often as it says it. Raises `ValueError` where a line break
    in a name or a value would make more lines of it.
    """
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
    named = {"content-length"}
    for name, value in theirs:
        if (lower := name.lower()) != "content-length":
            named.add(lower)
            lines.append(f"{name}: {value}")
    lines += [f"{name}: {value}" for name, value in ours.items() if name not in named]
    lines.append(f"content-length: {length}\r\n\r\n")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1 or "\0" in text:
        raise ValueError("a header of the answer holds a line break")
    return text.encode()
