"""The bodies of the `/customer` routes."""

from shared.openapi.management_words import LIMITS, LIMITS_SHOWN
from shared.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Query,
    Schema,
    Shape,
    array,
    maybe,
    record,
    said,
)

_ID = said(STRING, "What requests say in `user`.")
_CUSTOMER: dict[str, Schema] = {
    "alias": said(maybe(STRING), "A name for people."),
    "blocked": maybe(BOOLEAN),
    "models": said(maybe(array(STRING)), "Model groups that its requests may use; empty means all."),
    "budget_id": said(maybe(STRING), "A budget whose limits hold where the customer has none of its own."),
    "metadata": maybe(ANY_OBJECT),
    **LIMITS,
}
_SHOWN = record(
    {
        "user_id": STRING,
        "blocked": BOOLEAN,
        "alias": maybe(STRING),
        "spend": said(NUMBER, "Dollars of the current budget period, or in all where there is none."),
        "models": array(STRING),
        "budget_id": maybe(STRING),
        "litellm_budget_table": maybe(record({"budget_id": maybe(STRING), **LIMITS_SHOWN})),
    }
)
_MANY = record({"user_ids": array(STRING)}, more=False)

CUSTOMER_SHAPES: dict[str, Shape] = {
    "customer_new": Shape(
        body=record({"user_id": _ID}, _CUSTOMER), answer=_SHOWN, example={"user_id": "jane", "max_budget": 1}
    ),
    "customer_update": Shape(
        body=record({"user_id": _ID}, _CUSTOMER), answer=_SHOWN, example={"user_id": "jane", "max_budget": 2}
    ),
    "customer_info": Shape(query=(Query("end_user_id", "Which customer.", STRING),), answer=_SHOWN),
    "customer_list": Shape(
        query=(
            Query("page", "From 1; the header `x-tollway-next-page` names the next one, where there is one.", INTEGER),
            Query("page_size", "Customers on a page: 100 unless said otherwise, 1000 at most.", INTEGER),
        ),
        answer=array(_SHOWN),
    ),
    "customer_block": Shape(
        body=_MANY, answer=record({"blocked_users": array(_SHOWN)}), example={"user_ids": ["jane"]}
    ),
    "customer_unblock": Shape(
        body=_MANY,
        answer=record({"blocked_users": array(STRING), "unblocked_users": array(STRING)}),
        example={"user_ids": ["jane"]},
    ),
    "customer_delete": Shape(
        body=_MANY,
        answer=record({"deleted_customers": INTEGER, "message": STRING}),
        example={"user_ids": ["jane"]},
    ),
}
"""By the route's name."""
