"""The answers of LiteLLM's reports about spend, out of the ledger's rows. Pure; sums stay integers to the end."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from shared.pricing.money import to_dollars
from shared.store.reports import Day

NO_TEAM = "Unassigned"
"""LiteLLM's word for what belongs to no team."""

MOST_TEAMS = 10


class LineSums:
    """Spend and tokens by a name."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, int]] = {}

    def add(self, name: str, amounts: Mapping[str, int]) -> None:
        """Add a line's amounts."""
        found = self._sums.setdefault(name, {"spend": 0, "tokens": 0, "prompt": 0, "completion": 0})
        prompt, completion = amounts["prompt_tokens"], amounts["completion_tokens"]
        found["spend"] += amounts["spend"]
        found["prompt"] += prompt
        found["completion"] += completion
        found["tokens"] += prompt + completion

    def ranked(self) -> list[tuple[str, dict[str, int]]]:
        """Return the sums, the dearest first."""
        return sorted(self._sums.items(), key=lambda item: (-item[1]["spend"], item[0]))

    @property
    def total(self) -> dict[str, int]:
        """Return the sum over all names."""
        return {
            name: sum(item[name] for item in self._sums.values())
            for name in ("spend", "tokens", "prompt", "completion")
        }


def by_team(days: Mapping[str, Mapping[str, int]], names: Mapping[str, str | None]) -> dict[str, Any]:
    """Return `/global/spend/teams`: days with each team's dollars, and the ten that spent most."""
    totals: dict[str, int] = {}
    for spent in days.values():
        for team, spend in spent.items():
            totals[team] = totals.get(team, 0) + spend
    most = sorted(totals.items(), key=lambda item: -item[1])[:MOST_TEAMS]
    labels = _labels(totals, names)
    return {
        "daily_spend": [
            {"date": day, **{labels[team]: to_dollars(spend) for team, spend in sorted(spent.items())}}
            for day, spent in sorted(days.items())
        ],
        "teams": sorted(labels.values()),
        "total_spend_per_team": [{"team_id": labels[team], "total_spend": to_dollars(spend)} for team, spend in most],
    }


def by_team_and_key(rows: Iterable[Day], names: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Return `/global/spend/report` by team: days, their teams, and what each key spent on each model."""
    found: dict[str, dict[str, dict[str, LineSums]]] = {}
    for row in rows:
        keys = found.setdefault(row.day, {}).setdefault(row.team, {})
        for line, amounts in row.lines:
            keys.setdefault(row.key, LineSums()).add(line.model, amounts)
    labels = _labels({team for teams in found.values() for team in teams if team}, names) | {"": NO_TEAM}
    return [
        {
            "group_by_day": day,
            "teams": [{"team_name": labels[team], **_details(keys)} for team, keys in sorted(teams.items())],
        }
        for day, teams in sorted(found.items())
    ]


def by_customer(rows: Iterable[Day]) -> list[dict[str, Any]]:
    """Return `/global/spend/report` by customer: days, their customers, and what each spent on each model."""
    found: dict[str, dict[str, LineSums]] = {}
    for row in rows:
        sums = found.setdefault(row.day, {}).setdefault(row.id, LineSums())
        for line, amounts in row.lines:
            sums.add(line.model, amounts)
    return [
        {
            "group_by_day": day,
            "customers": [
                {"customer": customer, **_details({"": sums})} for customer, sums in sorted(customers.items())
            ],
        }
        for day, customers in sorted(found.items())
    ]


def by_key(rows: Iterable[Day]) -> list[dict[str, Any]]:
    """Return `/global/spend/report` by key, over all days, the dearest key first."""
    found: dict[str, LineSums] = {}
    for row in rows:
        sums = found.setdefault(row.key, LineSums())
        for line, amounts in row.lines:
            sums.add(line.model, amounts)
    return [
        {"api_key": key, **_costs(sums.total), "model_details": [{"model": m, **_costs(i)} for m, i in sums.ranked()]}
        for key, sums in sorted(found.items(), key=lambda item: -item[1].total["spend"])
    ]


def _labels(teams: Iterable[str], names: Mapping[str, str | None]) -> dict[str, str]:
    """Return what each team is called: its alias, or its id where the alias could be taken for something else."""
    ids = set(teams)
    shared = Counter(names.get(team) for team in ids)
    unclear = {*ids, *(name for name, times in shared.items() if times > 1), "", "date", NO_TEAM}
    return {team: alias if (alias := names.get(team)) and alias not in unclear else team for team in ids}


def _costs(item: Mapping[str, int]) -> dict[str, Any]:
    return {
        "total_cost": to_dollars(item["spend"]),
        "total_input_tokens": item["prompt"],
        "total_output_tokens": item["completion"],
    }


def _details(keys: Mapping[str, LineSums]) -> dict[str, Any]:
    return {
        "total_spend": to_dollars(sum(sums.total["spend"] for sums in keys.values())),
        "metadata": [
            {"model": model, "api_key": key, "spend": to_dollars(item["spend"]), "total_tokens": item["tokens"]}
            for key, sums in sorted(keys.items())
            for model, item in sums.ranked()
        ],
    }
