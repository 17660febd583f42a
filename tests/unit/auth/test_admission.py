"""Who may do what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.admission import MASTER, check_allowed, check_usable, principal_of
from shared.errors import Forbidden, Unauthenticated
from shared.routes import ROUTES
from shared.schemas.context import RequestContext
from shared.store.keys import KeyRecord


def context(route: str, model: str = "demo") -> RequestContext:
    """Return the context of a request for a model."""
    return RequestContext("r", "l.r", "l", route, "openai", 1, 1, 1, 1, model=model)


def key(**changes: object) -> KeyRecord:
    """Return a key of one hour ago."""
    facts: dict[str, object] = {"hash": "h", "key_name": "sk-...1234", "created_at": 0.0}
    return KeyRecord(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("record", [None, key(blocked=True), key(expires=100.0)])
def test_a_key_that_does_not_work_is_401(record: KeyRecord | None) -> None:
    """Unknown, blocked and expired keys are refused as such."""
    with pytest.raises(Unauthenticated):
        check_usable(record, 100.0)


@given(st.floats(0, 1e9), st.floats(0.001, 1e9))
def test_a_key_works_until_it_expires(now: float, left: float) -> None:
    """Right before its end a key works."""
    if now + left > now:
        check_usable(key(expires=now + left), now)


@given(st.lists(st.text(min_size=1), max_size=5), st.text(min_size=1))
def test_a_list_of_models_is_a_limit(models: list[str], asked: str) -> None:
    """A key may use what its list names, everything when the list is empty."""
    principal = principal_of(key(models=tuple(models)))
    allowed = not models or asked in models or "all-proxy-models" in models
    try:
        check_allowed(principal, ROUTES["chat_completions"].policy, context("chat_completions", asked))
    except Forbidden:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_a_route_is_for_the_roles_of_its_policy(name: str) -> None:
    """A key holder gets past exactly the routes that are for key holders; the master key past all."""
    policy = ROUTES[name].policy
    check_allowed(MASTER, policy, context(name))
    if "key_holder" in policy.roles:
        check_allowed(principal_of(key()), policy, context(name))
    else:
        with pytest.raises(Forbidden):
            check_allowed(principal_of(key()), policy, context(name))
