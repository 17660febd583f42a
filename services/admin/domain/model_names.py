"""Which names of models in a request stand for nothing yet: a typing error, or a model that comes later. Pure."""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any
from urllib.parse import quote

from shared.schemas.model_lists import is_name

MOST_SHOWN = 20
"""Names in a header."""

MOST_CHARACTERS = 2000
"""Of the header: proxies take all headers of an answer together in 4 or 8 KiB, and a name in escapes may have 3."""

_LISTS = ("models", "allowed_models")
_ALIASES = ("aliases", "model_aliases")


def names_in(body: Mapping[str, Any]) -> list[str]:
    """Return the names of models that a body grants, without wildcards, LiteLLM's words and aliases of its own."""
    given = [name for field in _LISTS if isinstance(body.get(field), list) for name in body[field]]
    aliases = {name for field in _ALIASES if isinstance(body.get(field), dict) for name in body[field]}
    return [name for name in dict.fromkeys(map(str, given)) if is_name(name) and name not in aliases]


def header_of(names: Iterable[str]) -> str:
    """Return names as a header's value: what a header cannot hold, and commas, in per cent escapes."""
    escaped = [quote(name, safe=" /:@!$&'()+;=") for name in names]
    sizes = accumulate(len(name) + 2 for name in escaped[:MOST_SHOWN])
    shown = sum(size <= MOST_CHARACTERS for size in sizes)
    rest = [f"and {len(escaped) - shown} more"] if len(escaped) > shown else []
    return ", ".join([*escaped[:shown], *rest])
