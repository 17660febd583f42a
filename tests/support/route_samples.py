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
    "user_new": body(lambda place: {"user_id": place.fresh, "organizations": [place.organization]}),
    "user_info": query(lambda place: {"user_id": place.user}),
    "user_info_v2": query(lambda place: {"user_id": place.user}),
    "user_update": body(lambda place: {"user_id": place.user, "user_alias": "a"}),
    "user_delete": body(lambda place: {"user_ids": [place.member]}),
    "user_list": query(lambda _: {"page_size": "100"}, names_object=False),
}

TEAM_SAMPLES: Mapping[str, Sample] = {
    "team_new": body(lambda place: {"team_id": place.fresh, "organization_id": place.organization}),
    "team_info": query(lambda place: {"team_id": place.team}),
    "team_update": body(lambda place: {"team_id": place.team, "team_alias": "a"}),
    "team_patch": Sample(lambda place: Ask(body={"team_alias": "a"}, path={"team_id": place.team})),
    "team_delete": body(lambda place: {"team_ids": [place.team]}),
    "team_block": body(lambda place: {"team_id": place.team}),
    "team_unblock": body(lambda place: {"team_id": place.team}),
    "team_list": query(lambda _: {}, names_object=False),
    "team_list_v2": query(lambda _: {"page_size": "100"}, names_object=False),
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
    "organization_member_update": _OF_MEMBER,
    "organization_member_update_post": _OF_MEMBER,
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
    "model_delete": body(lambda place: {"id": place.model}),
}

SPEND_SAMPLES: Mapping[str, Sample] = {
    "spend_logs": query(lambda place: {"api_key": place.key}),
}

SAMPLES: Mapping[str, Sample] = {
    **KEY_SAMPLES,
    **USER_SAMPLES,
    **TEAM_SAMPLES,
    **ORGANIZATION_SAMPLES,
    **MODEL_SAMPLES,
    **SPEND_SAMPLES,
}
"""By the route's name; a subject's samples stand together, and a line here adds them."""
