"""The bodies of the `/budget` routes."""

from shared.openapi.management_words import LIMITS, LIMITS_SHOWN, WHEN
from shared.openapi.shapes import BOOLEAN, STRING, Query, Shape, array, maybe, record, said

BUDGET = record({"budget_id": STRING, **LIMITS_SHOWN}, {"created_at": WHEN, "updated_at": WHEN})
"""A budget as answers show it."""

_ID = said(STRING, "The budget's id.")

BUDGET_SHAPES: dict[str, Shape] = {
    "budget_new": Shape(
        body=record({}, {"budget_id": said(maybe(STRING), "Made by the server where it is missing."), **LIMITS}),
        answer=BUDGET,
        example={"budget_id": "free-tier", "max_budget": 5, "budget_duration": "30d"},
    ),
    "budget_update": Shape(
        body=record({"budget_id": _ID}, LIMITS),
        answer=BUDGET,
        example={"budget_id": "free-tier", "max_budget": 10},
    ),
    "budget_info": Shape(
        body=record({"budgets": array(STRING)}, more=False), answer=array(BUDGET), example={"budgets": ["free-tier"]}
    ),
    "budget_settings": Shape(
        query=(Query("budget_id", "Which budget.", STRING),),
        answer=array(record({"field_name": STRING, "field_type": STRING, "stored_in_db": BOOLEAN})),
    ),
    "budget_list": Shape(answer=array(BUDGET)),
    "budget_delete": Shape(body=record({"id": _ID}, more=False), answer=BUDGET, example={"id": "free-tier"}),
}
"""By the route's name."""
