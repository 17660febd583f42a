"""Who may do what."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.admission import acting, check_allowed, check_usable
from services.auth.domain.standing import MASTER, Standing
from shared.errors import Forbidden, Unauthenticated
from shared.routes import ROUTES
from shared.routes.llm import PASSTHROUGH
from tests.unit.auth.making import context, key, organization, standing, team, user


@pytest.mark.parametrize("known", [None, standing(key(blocked=True)), standing(key(expires=100.0))])
def test_a_key_that_does_not_work_is_401(known: Standing | None) -> None:
    """Unknown, blocked and expired keys are refused as such."""
    with pytest.raises(Unauthenticated):
        check_usable(known, 100.0)


@given(st.floats(0, 1e9), st.floats(0.001, 1e9))
def test_a_key_works_until_it_expires(now: float, left: float) -> None:
    """Right before its end a key works."""
    if now + left > now:
        check_usable(standing(key(expires=now + left)), now)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (standing(key(team_id="t")), "does not exist"),
        (standing(key(team_id="t"), team=team(blocked=True)), "blocked"),
        (standing(key(organization_id="o")), "organization"),
        (standing(key(team_id="t"), team=team(organization_id="o")), "organization"),
    ],
)
def test_a_key_does_not_outlive_its_team_or_organization(known: Standing, reason: str) -> None:
    """The refusal is 403 and says what is wrong: the key itself is good."""
    with pytest.raises(Forbidden, match=reason):
        check_usable(known, 0.0)


def test_a_key_of_an_organization_that_is_there_works() -> None:
    """Its team's organization is its own."""
    known = standing(key(team_id="t"), team=team(organization_id="o"), organization=organization())
    assert check_usable(known, 0.0).principal.organization == "o"


def test_a_key_has_the_role_of_its_user() -> None:
    """An administrator's keys are administrators; a key of nobody holds a key."""
    assert standing(key(user_id="u"), user=user(role="proxy_admin")).principal.role == "proxy_admin"
    assert standing(key(user_id="u")).principal.role == "key_holder"


def test_a_key_may_be_granted_a_look_at_what_everybody_spent() -> None:
    """On the routes of all spend alone, and never to change anything; a list of routes restricts it all the same."""
    granted = key(permissions={"get_spend_routes": True})
    for route, role in (
        ("global_spend_keys", "proxy_admin_viewer"),
        ("spend_logs", "key_holder"),
        ("audit", "key_holder"),
    ):
        assert acting(standing(granted), route).principal.role == role
        assert acting(standing(key(permissions={"get_spend_routes": False})), route).principal.role == "key_holder"
    admin = standing(msgspec.structs.replace(granted, user_id="u"), user=user(role="proxy_admin"))
    assert acting(admin, "global_spend_keys").principal.role == "proxy_admin"
    narrow = acting(standing(msgspec.structs.replace(granted, allowed_routes=("llm_api_routes",))), "global_spend_keys")
    with pytest.raises(Forbidden):
        check_allowed(narrow, ROUTES["global_spend_keys"].policy, context("global_spend_keys"))


def test_a_regenerated_key_counts_under_its_first_hash() -> None:
    """The ledger and the limiter go on knowing it."""
    assert standing(key(account="first")).principal.key == "first"


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_a_route_is_for_the_roles_of_its_policy(name: str) -> None:
    """The master key and a key holder get past exactly the routes that are for them."""
    policy = ROUTES[name].policy
    for role, known in (("proxy_admin", MASTER), ("key_holder", standing())):
        if role in policy.roles:
            check_allowed(known, policy, context(name))
        else:
            with pytest.raises(Forbidden):
                check_allowed(known, policy, context(name))


def test_an_administrators_key_calls_only_what_it_may() -> None:
    """A key's own list of routes restricts it, whatever the role of its user."""
    admin = standing(key(user_id="u", allowed_routes=("llm_api_routes",)), user=user(role="proxy_admin"))
    check_allowed(admin, ROUTES["chat_completions"].policy, context("chat_completions"))
    with pytest.raises(Forbidden):
        check_allowed(admin, ROUTES["key_generate"].policy, context("key_generate"))


@pytest.mark.parametrize(
    ("client", "allowed"), [("10.1.2.3", True), ("10.2.0.1", False), ("::ffff:10.1.2.3", True), ("", False)]
)
def test_key_and_team_both_say_from_where(client: str, allowed: bool) -> None:
    """An address must be in one of the key's networks, and in one of the team's."""
    known = standing(
        key(team_id="t", allowed_addresses=("10.0.0.0/8", "192.0.2.1")), team=team(allowed_addresses=("10.1.0.0/16",))
    )
    policy = ROUTES["chat_completions"].policy
    if allowed:
        check_allowed(known, policy, context("chat_completions", client=client))
    else:
        with pytest.raises(Forbidden, match="address"):
            check_allowed(known, policy, context("chat_completions", client=client))


def test_key_and_team_give_tags_and_guardrails() -> None:
    """Both count, each name once, the key's first."""
    known = standing(key(tags=("a", "b"), guardrails=("g",)), team=team(tags=("b", "c"), guardrails=("h", "g")))
    assert known.tags == ("a", "b", "c")
    assert known.guardrails == ("g", "h")


def test_a_key_that_needs_guardrails_does_not_call_native_routes() -> None:
    """Nothing would read their bodies; on the routes that are read it works as before."""
    known = standing(key(guardrails=("pii",)))
    with pytest.raises(Forbidden, match="guardrails"):
        check_allowed(known, PASSTHROUGH, context(route="passthrough:openai"))
    check_allowed(standing(key()), PASSTHROUGH, context(route="passthrough:openai"))
    check_allowed(known, ROUTES["chat_completions"].policy, context(route="chat_completions"))
