"""A request for every management route, for the matrices of roles, objects and tenants.

A route without a sample here fails `tests/unit/admin/test_route_samples.py`. To add one: what the route is asked, made
of the ids of a `Place`, such that whoever may call it gets 200. The matrix makes the place, asks as every persona
about its own tenant's place and about another's, and compares with the route's policy (`shared/routes`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.tenants import Place


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: its JSON body, its query, and what stands for the names in the route's path."""

    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """How a route is asked about the objects of a place."""

    ask: Callable[[Place], Ask]
    names_object: bool = True
    """False for a route that is asked about nothing in particular, such as a list: then another tenant's ids must not
    stand in the answer to a persona that may not see everything."""


def body(make: Callable[[Place], dict[str, Any]], *, names_object: bool = True) -> Sample:
    """Return the sample of a route that takes a body."""
    return Sample(lambda place: Ask(body=make(place)), names_object)


def query(make: Callable[[Place], dict[str, str]], *, names_object: bool = True) -> Sample:
    """Return the sample of a route that takes a query."""
    return Sample(lambda place: Ask(query=make(place)), names_object)


def named(
    make: Callable[[Place], dict[str, str]], content: Callable[[Place], dict[str, Any] | None] = lambda _: None
) -> Sample:
    """Return the sample of a route whose path names the object."""
    return Sample(lambda place: Ask(body=content(place), path=make(place)))


KEY_SAMPLES: Mapping[str, Sample] = {
    "key_generate": body(lambda place: {"user_id": place.user, "team_id": place.team}),
    "key_info": query(lambda place: {"key": place.key}),
    "key_delete": body(lambda place: {"keys": [place.key]}),
    "key_block": body(lambda place: {"key": place.key}),
    "key_unblock": body(lambda place: {"key": place.key}),
    "key_service_account": body(lambda place: {"team_id": place.team}),
    "key_regenerate": Sample(lambda place: Ask(body={}, path={"key": place.key})),
    "key_update": body(lambda place: {"key": place.key, "metadata": {"seen": True}}),
    "key_aliases": query(lambda _: {"size": "100"}, names_object=False),
    "key_list": query(lambda _: {"size": "100"}, names_object=False),
}

USER_SAMPLES: Mapping[str, Sample] = {
    "user_new": body(lambda place: {"organizations": [place.organization]}),
    "user_info": query(lambda place: {"user_id": place.user}),
    "user_info_v2": query(lambda place: {"user_id": place.user}),
    "user_update": body(lambda place: {"user_id": place.user, "user_alias": "a"}),
    "user_delete": body(lambda place: {"user_ids": [place.member]}),
    "user_list": query(lambda _: {"page_size": "100"}, names_object=False),
}

TEAM_SAMPLES: Mapping[str, Sample] = {
    "team_new": body(lambda place: {"organization_id": place.organization}),
    "team_info": query(lambda place: {"team_id": place.team}),
    "team_update": body(lambda place: {"team_id": place.team, "team_alias": "a"}),
    "team_patch": Sample(lambda place: Ask(body={"team_alias": "a"}, path={"team_id": place.team})),
    "team_delete": body(lambda place: {"team_ids": [place.team]}),
    "team_block": body(lambda place: {"team_id": place.team}),
    "team_unblock": body(lambda place: {"team_id": place.team}),
    "team_list": query(lambda _: {}, names_object=False),
    "team_list_v2": query(lambda _: {"page_size": "100"}, names_object=False),
    "team_available": query(lambda _: {}, names_object=False),
    "team_member_add": body(lambda place: {"team_id": place.team, "member": _new_member(place, "user")}),
    "team_member_update": body(lambda place: {"team_id": place.team, "user_id": place.member, "role": "admin"}),
    "team_member_delete": body(lambda place: {"team_id": place.team, "user_id": place.member}),
    "team_member_me": Sample(lambda place: Ask(path={"team_id": place.team})),
    "team_model_add": body(lambda place: {"team_id": place.team, "models": ["demo"]}),
    "team_model_delete": body(lambda place: {"team_id": place.team, "models": ["demo"]}),
}

_ORGANIZATION_CHANGE = body(lambda place: {"organization_id": place.organization, "models": []})
_ORGANIZATION_REMOVAL = body(lambda place: {"organization_ids": [place.organization]})
_OF_MEMBER = body(lambda place: {"organization_id": place.organization, "user_id": place.member})
_LESSER_MEMBER = body(
    lambda place: {"organization_id": place.organization, "user_id": place.member, "role": "internal_user_viewer"}
)

ORGANIZATION_SAMPLES: Mapping[str, Sample] = {
    "organization_new": body(
        lambda place: {"organization_id": place.fresh, "organization_alias": "a"}, names_object=False
    ),
    "organization_info": query(lambda place: {"organization_id": place.organization}),
    "organization_info_of_many": body(lambda place: {"organizations": [place.organization]}),
    "organization_list": query(lambda _: {}, names_object=False),
    "organization_update": _ORGANIZATION_CHANGE,
    "organization_update_post": _ORGANIZATION_CHANGE,
    "organization_patch": Sample(lambda place: Ask(body={"models": []}, path={"organization_id": place.organization})),
    "organization_delete": _ORGANIZATION_REMOVAL,
    "organization_delete_post": _ORGANIZATION_REMOVAL,
    "organization_member_add": body(
        lambda place: {"organization_id": place.organization, "member": _new_member(place, "internal_user")}
    ),
    "organization_member_update": _LESSER_MEMBER,
    "organization_member_update_post": _LESSER_MEMBER,
    "organization_member_delete": _OF_MEMBER,
    "organization_member_delete_post": _OF_MEMBER,
}


def _new_member(place: Place, role: str) -> dict[str, Any]:
    return {"user_id": place.newcomer, "role": role}


MODEL_SAMPLES: Mapping[str, Sample] = {
    "model_new": body(
        lambda place: {"model_name": place.fresh, "litellm_params": {"model": "demo/demo"}}, names_object=False
    ),
    "model_info": query(lambda _: {}, names_object=False),
    "model_update": body(lambda place: {"model_info": {"id": place.model}, "litellm_params": {"weight": 2}}),
    "model_patch": named(lambda place: {"model_id": place.model}, lambda _: {"litellm_params": {"weight": 2}}),
    "model_block": body(lambda place: {"model_id": place.model}),
    "model_unblock": body(lambda place: {"model_id": place.model}),
    "model_group_info": query(lambda _: {}, names_object=False),
    "model_delete": body(lambda place: {"id": place.model}),
}

CREDENTIAL_SAMPLES: Mapping[str, Sample] = {
    "credential_new": body(
        lambda place: {
            "credential_name": place.fresh,
            "credential_info": {},
            "credential_values": {"api_key": "sk-provider"},
        },
        names_object=False,
    ),
    "credential_list": query(lambda _: {}, names_object=False),
    "credential_by_model": named(lambda place: {"model_id": place.model}),
    "credential_by_name": named(lambda place: {"credential_name": place.credential}),
    "credential_update": named(
        lambda place: {"credential_name": place.credential}, lambda _: {"credential_values": {"api_key": "sk-new"}}
    ),
    "credential_delete": named(lambda place: {"credential_name": place.credential}),
}

BUDGET_SAMPLES: Mapping[str, Sample] = {
    "budget_new": body(lambda place: {"budget_id": place.fresh, "max_budget": 1}, names_object=False),
    "budget_update": body(lambda place: {"budget_id": place.budget, "max_budget": 1}),
    "budget_info": body(lambda place: {"budgets": [place.budget]}),
    "budget_settings": query(lambda place: {"budget_id": place.budget}),
    "budget_list": query(lambda _: {}, names_object=False),
    "budget_delete": body(lambda place: {"id": place.budget}),
}

CUSTOMER_SAMPLES: Mapping[str, Sample] = {
    "customer_new": body(lambda place: {"user_id": place.fresh}, names_object=False),
    "customer_update": body(lambda place: {"user_id": place.customer, "alias": "a"}),
    "customer_info": query(lambda place: {"end_user_id": place.customer}),
    "customer_list": query(lambda _: {}, names_object=False),
    "customer_block": body(lambda place: {"user_ids": [place.customer]}),
    "customer_unblock": body(lambda place: {"user_ids": [place.customer]}),
    "customer_delete": body(lambda place: {"user_ids": [place.customer]}),
}

AUDIT_SAMPLES: Mapping[str, Sample] = {
    "audit_list": query(lambda _: {}, names_object=False),
    "audit_one": named(lambda place: {"id": place.change}),
}

_A_MONTH = {"start_date": "2026-01-01", "end_date": "2026-01-31"}

SPEND_SAMPLES: Mapping[str, Sample] = {
    "spend_logs": query(lambda place: {"api_key": place.key}),
    "spend_logs_export": query(lambda place: {"api_key": place.key}),
    "spend_keys": query(lambda _: {}, names_object=False),
    "spend_users": query(lambda place: {"user_id": place.user}),
    "spend_teams": query(lambda place: {"team_id": place.team}),
    "spend_tags": query(lambda _: {}, names_object=False),
    "global_spend": query(lambda _: {}, names_object=False),
    "global_spend_logs": query(lambda place: {"api_key": place.key}),
    "global_spend_keys": query(lambda _: {}, names_object=False),
    "global_spend_models": query(lambda _: {}, names_object=False),
    "global_spend_provider": query(lambda _: {}, names_object=False),
    "global_spend_tags": query(lambda _: {}, names_object=False),
    "global_spend_tag_names": query(lambda _: {}, names_object=False),
    "global_spend_teams": query(lambda _: {}, names_object=False),
    "global_spend_report": query(lambda place: _A_MONTH | {"team_id": place.team}),
    "global_activity": query(lambda _: {}, names_object=False),
    "global_activity_model": query(lambda _: {}, names_object=False),
    "spend_calculate": body(lambda _: {"model": "demo/demo", "messages": []}, names_object=False),
    "user_daily_activity": query(lambda place: _A_MONTH | {"api_key": place.key}),
    "team_daily_activity": query(lambda place: _A_MONTH | {"team_ids": place.team}),
    "organization_daily_activity": query(lambda place: _A_MONTH | {"organization_ids": place.organization}),
    "customer_daily_activity": query(lambda place: _A_MONTH | {"end_user_ids": place.customer}),
    "tag_daily_activity": query(lambda _: _A_MONTH, names_object=False),
}

CONFIGURATION_SAMPLES: Mapping[str, Sample] = {
    "config_reload": body(lambda _: {}, names_object=False),
    "config_plan": body(lambda _: {}, names_object=False),
}

SAMPLES: Mapping[str, Sample] = {
    **KEY_SAMPLES,
    **USER_SAMPLES,
    **TEAM_SAMPLES,
    **ORGANIZATION_SAMPLES,
    **MODEL_SAMPLES,
    **SPEND_SAMPLES,
    **CREDENTIAL_SAMPLES,
    **BUDGET_SAMPLES,
    **CUSTOMER_SAMPLES,
    **AUDIT_SAMPLES,
    **CONFIGURATION_SAMPLES,
}
"""By the route's name; a subject's samples stand together, and a line here adds them."""
