"""The `/spend` routes, `/global/spend`, and activity by day."""

from shared.routes.personas import HOLDERS, SHOWN_TO_HOLDERS, SHOWN_TO_VIEWERS, USERS, VIEWERS
from shared.routes.policy import Route, managed

_SHOWN_TO_USERS = managed(everywhere=VIEWERS, own=USERS)

_LOGS = (
    Route("spend_logs", "GET", ("/spend/logs",), SHOWN_TO_HOLDERS, summary="List ledger entries, newest first."),
    Route(
        "spend_logs_export",
        "GET",
        ("/spend/logs/export",),
        SHOWN_TO_HOLDERS,
        summary="Ledger entries as a CSV or NDJSON file that streams.",
    ),
)

_SPENDERS = (
    Route("spend_keys", "GET", ("/spend/keys",), SHOWN_TO_HOLDERS, summary="List keys by what they spent."),
    Route("spend_users", "GET", ("/spend/users",), _SHOWN_TO_USERS, summary="List users by what they spent."),
    Route("spend_teams", "GET", ("/spend/teams",), _SHOWN_TO_USERS, summary="List teams by what they spent."),
    Route("spend_tags", "GET", ("/spend/tags",), SHOWN_TO_VIEWERS, summary="List tags by what they cost."),
)

_CALCULATION = (
    Route(
        "spend_calculate",
        "POST",
        ("/spend/calculate",),
        managed(everywhere=frozenset(), own=VIEWERS | HOLDERS),
        summary="Tell what a request would cost, or an answer did.",
    ),
)

_GLOBAL = (
    Route("global_spend", "GET", ("/global/spend",), SHOWN_TO_VIEWERS, summary="Tell what was spent in all."),
    Route("global_spend_logs", "GET", ("/global/spend/logs",), SHOWN_TO_HOLDERS, summary="List days with their spend."),
    Route("global_spend_keys", "GET", ("/global/spend/keys",), SHOWN_TO_HOLDERS, summary="List the dearest keys."),
    Route(
        "global_spend_models", "GET", ("/global/spend/models",), SHOWN_TO_HOLDERS, summary="List the dearest models."
    ),
    Route(
        "global_spend_provider", "GET", ("/global/spend/provider",), SHOWN_TO_HOLDERS, summary="List providers' costs."
    ),
    Route("global_spend_tags", "GET", ("/global/spend/tags",), SHOWN_TO_VIEWERS, summary="List tags' costs."),
    Route(
        "global_spend_tag_names", "GET", ("/global/spend/all_tag_names",), SHOWN_TO_VIEWERS, summary="List all tags."
    ),
    Route("global_spend_teams", "GET", ("/global/spend/teams",), SHOWN_TO_VIEWERS, summary="List teams' days."),
    Route(
        "global_spend_report",
        "GET",
        ("/global/spend/report",),
        _SHOWN_TO_USERS,
        summary="Report spend by team, customer or key, with models.",
    ),
)

_ACTIVITY = (
    Route("global_activity", "GET", ("/global/activity",), SHOWN_TO_HOLDERS, summary="Count requests by day."),
    Route(
        "global_activity_model",
        "GET",
        ("/global/activity/model",),
        SHOWN_TO_HOLDERS,
        summary="Count requests by model and day.",
    ),
    Route("user_daily_activity", "GET", ("/user/daily/activity",), SHOWN_TO_HOLDERS, summary="Report users' days."),
    Route("team_daily_activity", "GET", ("/team/daily/activity",), _SHOWN_TO_USERS, summary="Report teams' days."),
    Route(
        "organization_daily_activity",
        "GET",
        ("/organization/daily/activity",),
        managed(everywhere=VIEWERS, own=frozenset({"organization_admin"})),
        summary="Report organizations' days.",
    ),
    Route(
        "customer_daily_activity",
        "GET",
        ("/customer/daily/activity", "/end_user/daily/activity"),
        SHOWN_TO_VIEWERS,
        summary="Report customers' days.",
    ),
    Route("tag_daily_activity", "GET", ("/tag/daily/activity",), SHOWN_TO_VIEWERS, summary="Report tags' days."),
)

SPEND_ROUTES: tuple[Route, ...] = (*_LOGS, *_SPENDERS, *_CALCULATION, *_GLOBAL, *_ACTIVITY)
