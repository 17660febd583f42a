"""Daily activity: the ledger's rows of some days, summed by everything that LiteLLM breaks them down by. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.admin.domain.metrics_shape import metrics_shape, totals_shape
from shared.store.reports import Day
from shared.store.sums import AMOUNTS, Line

Amounts = dict[str, int]

UNKNOWN = "unknown"
"""What stands for a model that no request reached."""


class _Part:
    """The figures of one model, provider or team on a day, and of each key in them."""

    def __init__(self) -> None:
        self.amounts: Amounts = dict.fromkeys(AMOUNTS, 0)
        self.keys: dict[str, Amounts] = {}

    def add(self, amounts: Mapping[str, int], key: str | None) -> None:
        _add(self.amounts, amounts)
        if key is not None:
            _add(self.keys.setdefault(key, dict.fromkeys(AMOUNTS, 0)), amounts)


class Activity:
    """Takes rows and gives `SpendAnalyticsPaginatedResponse`."""

    def __init__(self, model: str = "") -> None:
        self._model = model
        self._days: dict[str, dict[str, dict[str, _Part]]] = {}
        self._sums: dict[str, Amounts] = {}
        self._facts: dict[str, dict[str, Any]] = {}

    def add(self, row: Day, entity: str = "") -> None:
        """Add a row; `entity` is what the report is about, such as a team."""
        is_caller = row.kind == "caller"
        key = row.key if is_caller else None
        if key:
            self._facts[key] = {"key_alias": row.alias or None, "team_id": row.team or None}
        for line, amounts in row.lines:
            if self._model and self._model not in (line.model, line.group):
                continue
            parts = self._days.setdefault(row.day, {name: {} for name in _PARTS})
            for name, id in _places(line, entity, key):
                parts[name].setdefault(id, _Part()).add(amounts, key)
            _add(self._sums.setdefault(row.day, dict.fromkeys(AMOUNTS, 0)), amounts)

    def page(self, page: int, size: int, entities: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return some of the days, the newest first, and the sums over all; `entities` has what is known of each."""
        days = sorted(self._days, reverse=True)
        pages = max(1, -(-len(days) // size))
        total = dict.fromkeys(AMOUNTS, 0)
        for sums in self._sums.values():
            _add(total, sums)
        shown = days[(page - 1) * size : page * size]
        return {
            "results": [self._day(day, entities) for day in shown],
            "metadata": totals_shape(total, page, pages),
        }

    def _day(self, day: str, entities: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        parts = self._days[day]
        breakdown: dict[str, Any] = {"mcp_servers": {}, "endpoints": {}}
        for name in ("models", "model_groups", "providers"):
            breakdown[name] = {id: self._part(part, {}) for id, part in _ranked(parts[name])}
        breakdown["entities"] = {
            id: self._part(part, entities.get(id, {})) for id, part in _ranked(parts["entities"])
        }  # fmt: skip
        breakdown["api_keys"] = {
            id: {"metrics": metrics_shape(part.amounts), "metadata": self._facts.get(id, {})}
            for id, part in _ranked(parts["api_keys"])
        }
        sums = self._sums.get(day, dict.fromkeys(AMOUNTS, 0))
        return {"date": day, "metrics": metrics_shape(sums), "breakdown": breakdown}

    def _part(self, part: _Part, facts: Mapping[str, Any]) -> dict[str, Any]:
        keys = {
            key: {"metrics": metrics_shape(amounts), "metadata": self._facts.get(key, {})}
            for key, amounts in sorted(part.keys.items(), key=lambda item: -item[1]["spend"])
            if key
        }
        return {"metrics": metrics_shape(part.amounts), "metadata": dict(facts), "api_key_breakdown": keys}


_PARTS = ("models", "model_groups", "providers", "api_keys", "entities")


def _places(line: Line, entity: str, key: str | None) -> Iterable[tuple[str, str]]:
    yield "models", line.model or UNKNOWN
    yield "model_groups", line.group or UNKNOWN
    yield "providers", line.provider or UNKNOWN
    if key:
        yield "api_keys", key
    if entity:
        yield "entities", entity


def _ranked(parts: Mapping[str, _Part]) -> list[tuple[str, _Part]]:
    return sorted(parts.items(), key=lambda item: (-item[1].amounts["spend"], item[0]))


def _add(to: Amounts, amounts: Mapping[str, int]) -> None:
    for name, amount in amounts.items():
        to[name] += amount
