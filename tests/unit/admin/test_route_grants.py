"""What a key for some routes can hand on."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.route_grants import (
    allows_all,
    check_identity,
    check_makes,
    handed_on,
    is_for_llm_alone,
    may_hand_on,
    within,
)
from shared.errors import Forbidden
from shared.routes import MANAGEMENT_ROUTES, ROUTES
from shared.routes.access import GROUPS, NATIVE_GROUPS, may_call
from shared.routes.policy import Persona

ENTRIES = st.lists(
    st.sampled_from(
        [
            *GROUPS,
            *sorted(NATIVE_GROUPS),
            "*",
            "/*",
            "/",
            "/v1/*",
            "/v*",
            "/o*",
            "/key",
            "/key/*",
            "/key/gen*",
            "/openai",
        ]
        + ["/openai/v1/files", "/anthropic/*", "/mine", "/spend", "/nothing"]
        + [path for route in ROUTES.values() for path in route.paths]
    ),
    max_size=4,
).map(tuple)

CALLS = [
    *((name, "") for name in ROUTES),
    *(("passthrough:openai", path) for path in ("/openai", "/openai/v1/files", "/openai/v1/batches")),
    *(
        ("passthrough:anthropic", "/anthropic/v1/files"),
        ("passthrough:mine", "/mine/x"),
        ("passthrough:vendor", "/vendor"),
    ),
]
"""Every route, and some that lead to providers."""


@given(routes=ENTRIES, others=ENTRIES)
def test_what_is_within_another_list_allows_nothing_else(routes: tuple[str, ...], others: tuple[str, ...]) -> None:
    """Whatever the entries: groups, paths, beginnings of paths, routes that lead to providers."""
    assert within(routes, routes)
    if within(routes, others):
        assert [call for call in CALLS if may_call(routes, *call) and not may_call(others, *call)] == []


@given(own=ENTRIES)
def test_a_new_key_gets_what_may_be_handed_on(own: tuple[str, ...]) -> None:
    """What a key gets of which nothing is said could also be said."""
    assert may_hand_on(handed_on(own), own)
    assert may_hand_on((), own) == allows_all(own)


@given(own=ENTRIES, given=ENTRIES)
def test_who_calls_models_hands_on_no_others(own: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Management is never handed on beyond the giver's own; models are by keys that call none."""
    if not may_hand_on(given, own):
        return
    more = [call for call in CALLS if may_call(given, *call) and not may_call(own, *call)]
    assert all(call[0] not in ROUTES or GROUPS["llm_api_routes"](ROUTES[call[0]]) for call in more)
    if more:
        assert not any(may_call(own, *call) for call in CALLS if call[0] not in ROUTES or ROUTES[call[0]].policy.billed)


@pytest.mark.parametrize("persona", get_args(Persona))
def test_an_administrator_is_made_by_a_key_that_may_do_as_much(persona: Persona) -> None:
    """One route that is missing is enough to refuse it; ordinary users are made by any key."""
    ordinary = persona in ("internal_user", "internal_user_viewer", "key_holder")
    names = [route.name for route in MANAGEMENT_ROUTES if persona in route.policy.everywhere | route.policy.own]
    whole = tuple(path for name in names for path in ROUTES[name].paths)
    for routes in ((), ("*",), ("/*",), whole):
        check_makes(routes, persona, "user_role")
    for routes in (("/user/new",), ("management_routes",), ("llm_api_routes",)):
        if ordinary:
            check_makes(routes, persona, "user_role")
            continue
        with pytest.raises(Forbidden) as refused:
            check_makes(routes, persona, "user_role")
        assert refused.value.param == "user_role"


def test_who_somebody_is_to_a_provider_is_said_by_whole_keys() -> None:
    """To move an administrator's subject to oneself would be the administrator's role."""
    check_identity((), "sso_user_id")
    check_identity(("*",), "sso_user_id")
    with pytest.raises(Forbidden):
        check_identity(("/user/update",), "sso_user_id")


def test_lists_that_allow_no_management() -> None:
    """Provider-native paths and parts of the LLM API are for models alone; an empty list is for everything."""
    for routes in (("llm_api_routes",), ("/chat/completions", "/openai/v1/files"), ("anthropic_routes", "/mine/x")):
        assert is_for_llm_alone(routes)
    for routes in ((), ("*",), ("/v1/*",), ("/key/info",), ("llm_api_routes", "info_routes"), ("/key/nothing",)):
        assert not is_for_llm_alone(routes)
