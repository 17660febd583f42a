"""HTML that cannot be injected into: plain strings are escaped, only what `element` made is not."""

import html


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


VOID = frozenset({"meta", "link"})
"""Elements that have no end tag."""


def element(kind: str, /, *children: str, **attributes: str) -> Markup:
    """Return an element; a trailing underscore in an attribute's name is dropped (`class_`)."""
    written = "".join(f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items())
    if kind in VOID:
        return Markup(f"<{kind}{written}>")
    return Markup(f"<{kind}{written}>{joined(*children)}</{kind}>")


def joined(*children: str) -> Markup:
    """Return children one after the other, each escaped unless it is markup."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(child) for child in children))


def prose(text: str) -> Markup:
    """Return a sentence with what stands between backticks as code."""
    parts = text.split("`")
    return joined(*(element("code", part) if index % 2 else part for index, part in enumerate(parts)))
