"""The bodies of the `/config` routes."""

from shared.openapi.shapes import ANY_OBJECT, STRING, Shape, array, one_of, record, said

_PLAN = record(
    {
        "changes": array(
            record(
                {
                    "kind": STRING,
                    "name": said(STRING, "The object's id; of a key its alias."),
                    "action": one_of("create", "change", "remove"),
                    "fields": said(array(STRING), "What differs, where it is changed."),
                }
            )
        ),
        "restart_needed": said(array(STRING), "Sections that differ and count from the next restart (SIGHUP) on."),
        "unknown_models": said(
            array(record({"object": STRING, "model": STRING})), "Models that an object may use and that do not exist."
        ),
    }
)
_SECTIONS = ("budgets", "customers", "keys", "models", "organizations", "teams", "users")

CONFIGURATION_SHAPES: dict[str, Shape] = {
    "config_reload": Shape(body=record({}, more=False), answer=_PLAN, example={}),
    "config_plan": Shape(
        body=record({}, {name: array(ANY_OBJECT) for name in _SECTIONS}, more=False),
        answer=_PLAN,
        example={"teams": [{"team_id": "research", "max_budget": 100}]},
    ),
}
"""By the route's name."""
