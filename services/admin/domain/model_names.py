"""Which names of models in a request stand for nothing yet: a typing error, or a model that comes later. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from shared.schemas.model_lists import is_name

MOST_SHOWN, LONGEST_SHOWN = 20, 200
"""Names in a header, and characters of each."""

_LISTS = ("models", "allowed_models")
_ALIASES = ("aliases", "model_aliases")


def names_in(body: Mapping[str, Any]) -> list[str]:
    """Return the names of models that a body grants, without wildcards, LiteLLM's words and aliases of its own."""
    given = [name for field in _LISTS if isinstance(body.get(field), list) for name in body[field]]
    aliases = {name for field in _ALIASES if isinstance(body.get(field), dict) for name in body[field]}
    return [name for name in dict.fromkeys(map(str, given)) if is_name(name) and name not in aliases]


def header_of(names: Iterable[str]) -> str:
    """Return names as a header's value: what a header cannot hold, and commas, in per cent escapes.

    A line that clients still read has a few thousand characters, so that long names and long lists are cut.
    """
    all_names = list(names)
    shown = [quote(name, safe=" /:@!$&'()+;=")[:LONGEST_SHOWN] for name in all_names[:MOST_SHOWN]]
    rest = [f"and {len(all_names) - MOST_SHOWN} more"] if len(all_names) > MOST_SHOWN else []
    return ", ".join([*shown, *rest])
