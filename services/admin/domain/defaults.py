"""What new objects get where their maker says nothing."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


def as_body(defaults: BaseModel) -> dict[str, Any]:
    """Return a section of the configuration as a body would say it."""
    found = defaults.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in found.items() if value != []}


def with_defaults(body: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new object's body with the configured defaults where it is silent: null is silence, zero is not.

    A budget's default period belongs to the default budget, so a body that states a budget of its own has none.
    """
    found = {name: value for name, value in defaults.items() if body.get(name) in (None, [])}
    if body.get("max_budget") is not None and "budget_duration" not in body:
        found.pop("budget_duration", None)
    return {**body, **found}
