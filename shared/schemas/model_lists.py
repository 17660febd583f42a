"""Lists of models as operators write them on keys, users, teams, members, organizations and customers."""

from collections.abc import Iterable

ALL_PROXY_MODELS = "all-proxy-models"
"""Every model."""

ALL_TEAM_MODELS = "all-team-models"
"""On a key: what its team may use. On a team: every model."""

NO_DEFAULT_MODELS = "no-default-models"
"""Nothing: it is no model's name, so a list that holds nothing else allows nothing."""

EVERYTHING = frozenset({ALL_PROXY_MODELS, "*"})


def is_name(entry: str) -> bool:
    """Tell whether an entry names one model or access group: it is no wildcard and no word of LiteLLM's."""
    return "*" not in entry and entry not in (ALL_PROXY_MODELS, ALL_TEAM_MODELS, NO_DEFAULT_MODELS)


def allows(models: Iterable[str], name: str, also: Iterable[str] = ()) -> bool:
    """Tell whether a list allows a model; an empty list allows all.

    `name` is matched as it stands and by wildcards such as `openai/*`; `also` holds further names of the same model
    that only wildcards may match: `openai/gpt-4o` for a model `gpt-4o` of that provider.
    """
    if not models:
        return True
    for entry in models:
        if entry == name or entry in EVERYTHING:
            return True
        if "*" in entry and (_matches(entry, name) or any(_matches(entry, other) for other in also)):
            return True
    return False


def _matches(entry: str, name: str) -> bool:
    """Tell whether an entry in which `*` stands for any text matches the whole name.

    It looks for the parts one after the other; an expression with many wildcards could take for ever.
    """
    first, *middle, last = entry.split("*")
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    place, end = len(first), len(name) - len(last)
    for part in middle:
        place = name.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True
