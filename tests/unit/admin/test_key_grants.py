"""Who may make which key, and what it may be given."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.fields import Fields
from services.admin.domain.key_access_fields import KEY_TYPES, key_type_of, read_addresses, read_routes
from services.admin.domain.key_bounds import KeyBounds
from services.admin.domain.key_grants import (
    Surroundings,
    check_acts_for_llm_alone,
    check_grant,
    check_narrowed,
    check_routes,
    for_llm_alone,
    inherited,
)
from services.admin.domain.key_queries import read_wanted, visible
from services.admin.domain.key_rights import Home, administers, may_change, may_make, may_see
from services.admin.domain.rights import MASTER, Caller
from shared.errors import Forbidden, InvalidRequest
from shared.schemas.limits import Limits, ModelLimits, merged
from shared.store.keys import KeyFilter, KeyRecord
from shared.store.people import TeamRecord, UserRecord

LEAD = Caller("internal_user", key="k-lead", user="lead", teams=frozenset({"t"}), administered_teams=frozenset({"t"}))
WORKER = Caller("internal_user", key="k-worker", user="worker", teams=frozenset({"t"}))
WATCHER = Caller("internal_user_viewer", key="k-watcher", user="watcher", teams=frozenset({"t"}))
HOLDER = Caller("key_holder", key="k-holder", team="t")
BOSS = Caller(
    "internal_user",
    key="k-boss",
    user="boss",
    organizations=frozenset({"o"}),
    administered_organizations=frozenset({"o"}),
)
HOME = Home("t", "o", "o")
LLM = ("llm_api_routes",)


def key(**facts: Any) -> KeyRecord:
    """Return a key of the team unless said otherwise."""
    return KeyRecord("h", "sk-...", 1.0, **{"team_id": "t", **facts})


def test_administrators_of_its_groups_and_its_user_may_change_a_key() -> None:
    """A plain member, a viewer and the key itself may not; a proxy administrator always may."""
    mine, of_worker = key(user_id="lead"), key(user_id="worker")
    assert [may_change(caller, of_worker, HOME) for caller in (MASTER, BOSS, LEAD, WORKER)] == [True] * 4
    assert [may_change(caller, mine, HOME) for caller in (WORKER, WATCHER, HOLDER)] == [False] * 3
    assert not may_change(WATCHER, key(user_id="watcher"), HOME)
    assert not may_change(LEAD, key(team_id="other", user_id="x"), Home("other", "elsewhere"))


def test_a_key_is_seen_by_itself_its_user_and_who_manages_its_groups() -> None:
    """Members of the same team do not see each other's keys."""
    of_worker = key(user_id="worker")
    assert [may_see(caller, of_worker, HOME) for caller in (MASTER, BOSS, LEAD, WORKER)] == [True] * 4
    assert [may_see(caller, of_worker, HOME) for caller in (WATCHER, HOLDER)] == [False] * 2
    assert may_see(HOLDER, key(account="k-holder"), HOME)
    assert may_see(Caller("proxy_admin_viewer"), of_worker, HOME)


def test_users_make_keys_for_themselves_where_they_belong() -> None:
    """For others, and without a user, only administrators of the group do."""
    assert may_make(WORKER, key(user_id="worker"), HOME)
    assert may_make(WORKER, key(user_id="worker", team_id=""), Home())
    for refused in (key(user_id="lead"), key(), key(user_id="worker", team_id="other"), key(team_id="")):
        assert not may_make(WORKER, refused, Home(refused.team_id, "o", "o"))
    assert may_make(LEAD, key(user_id="worker"), HOME)
    assert may_make(LEAD, key(), HOME)
    assert not may_make(HOLDER, key(), HOME)
    assert not may_make(WATCHER, key(user_id="watcher"), HOME)
    assert administers(BOSS, HOME)


def test_a_key_of_a_team_and_an_organization_needs_both() -> None:
    """Who administers the one spends and bills nothing of the other, where the team is in no organization."""
    both = key(organization_id="o")
    foreign = Home("t", "o", "")
    assert not may_make(BOSS, both, foreign)
    assert not may_make(LEAD, both, foreign)
    assert not may_make(WORKER, key(user_id="worker", organization_id="o"), foreign)
    assert may_make(MASTER, both, foreign)
    assert may_make(BOSS, both, Home("t", "o", "o"))
    assert may_make(LEAD, both, Home("t", "o", "o"))
    assert may_make(BOSS, key(team_id="", organization_id="o"), Home("", "o"))
    assert not may_make(BOSS, key(team_id="", organization_id="p"), Home("", "p"))


def test_a_key_for_some_routes_gives_nobody_others() -> None:
    """Whoever the key is for: who is nobody today may be made an administrator tomorrow."""
    admin = Caller("proxy_admin", key="k", user="root", routes=("/key/generate", "/key/update"))
    mine = key(team_id="", user_id="root", allowed_routes=admin.routes)
    for user in ("root", "other", ""):
        with pytest.raises(Forbidden) as refused:
            check_grant(admin, None, key(team_id="", user_id=user), Surroundings())
        assert refused.value.param == "allowed_routes"
        for routes in (LLM, ("/key/update",), ("/v1/chat/completions",)):
            check_grant(admin, None, key(team_id="", user_id=user, allowed_routes=routes), Surroundings())
        for routes in ((), ("/key/*",), ("/user/new",), ("*",)):
            for before in (mine, key(team_id="", user_id=user, allowed_routes=LLM)):
                after = msgspec.structs.replace(before, allowed_routes=routes)
                with pytest.raises(Forbidden):
                    check_grant(admin, before, after, Surroundings())
    whole = key(team_id="", user_id="other")
    check_grant(admin, whole, msgspec.structs.replace(whole, key_alias="new"), Surroundings())
    for change in ({"user_id": "root"}, {"allowed_routes": ("/user/new",)}):
        with pytest.raises(Forbidden):
            check_grant(admin, whole, msgspec.structs.replace(whole, **change), Surroundings())
    with pytest.raises(Forbidden):
        check_routes(admin, whole, whole, shown=True)


def test_a_key_for_somebody_else_is_for_llm_routes() -> None:
    """It acts as its user, so whoever made it must not be able to manage in that user's name."""
    made = for_llm_alone(key(user_id="worker"), LEAD)
    assert made.allowed_routes == LLM
    assert for_llm_alone(key(user_id="lead"), LEAD).allowed_routes == ()
    assert for_llm_alone(key(), LEAD).allowed_routes == ()
    assert for_llm_alone(key(user_id="worker"), MASTER).allowed_routes == ()
    for routes in ((), ("management_routes",), ("*",)):
        with pytest.raises(Forbidden):
            check_acts_for_llm_alone(LEAD, None, key(user_id="worker", allowed_routes=routes))
    check_acts_for_llm_alone(LEAD, made, made, shown=True)
    old = key(user_id="worker")
    check_acts_for_llm_alone(LEAD, old, msgspec.structs.replace(old, key_alias="new"))
    with pytest.raises(Forbidden):
        check_acts_for_llm_alone(LEAD, old, old, shown=True)
    with pytest.raises(Forbidden):
        check_acts_for_llm_alone(LEAD, made, msgspec.structs.replace(made, allowed_routes=()))
    with pytest.raises(Forbidden):
        check_acts_for_llm_alone(LEAD, key(), key(user_id="worker"))


@pytest.mark.parametrize(
    ("after", "field"),
    [
        (key(models=("c",)), "models"),
        (key(limits=Limits(max_budget=11)), "max_budget"),
        (key(limits=Limits(rpm=11)), "rpm_limit"),
        (key(permissions={"get_spend_routes": True}), "permissions"),
    ],
)
def test_nobody_gives_what_the_team_does_not_have(after: KeyRecord, field: str) -> None:
    """Who manages the team no more than its members; the gateway's administrators may."""
    limits = Limits(max_budget=10, rpm=10)
    around = Surroundings(team=TeamRecord("t", 1.0, models=("a", "b")), limits=after.limits, team_limits=limits)
    for caller in (LEAD, BOSS):
        with pytest.raises(Forbidden) as refused:
            check_grant(caller, None, after, around)
        assert refused.value.param == field
    check_grant(MASTER, None, after, around)
    within = Surroundings(team=around.team, limits=Limits(max_budget=10), team_limits=limits)
    check_grant(LEAD, None, key(models=("a",)), within)


def test_a_key_for_some_routes_grants_no_look_at_what_everybody_spent() -> None:
    """Unless it may look itself."""
    granted = key(permissions={"get_spend_routes": True}, allowed_routes=LLM)
    for routes, may in ((("/key/generate",), False), (("/key/generate", "/global/*"), True), ((), True)):
        admin = Caller("proxy_admin", key="k", user="root", routes=routes)
        if may:
            check_grant(admin, None, granted, Surroundings())
            continue
        with pytest.raises(Forbidden) as refused:
            check_grant(admin, None, granted, Surroundings())
        assert refused.value.param == "permissions"


def test_what_is_as_it_was_is_no_grant() -> None:
    """A key whose budget is above its team's can be renamed by who manages the team, and its other limits changed."""
    had = Limits(max_budget=99, rpm=5)
    for limits, field in ((had, ""), (Limits(max_budget=99, rpm=6), ""), (Limits(max_budget=98, rpm=5), "max_budget")):
        around = Surroundings(team=TeamRecord("t", 1.0), limits=limits, team_limits=Limits(max_budget=10, rpm=10))
        before, after = key(models=("x",), limits=had), key(models=("x",), limits=limits)
        if not field:
            check_grant(LEAD, before, after, around)
            continue
        with pytest.raises(Forbidden) as refused:
            check_grant(LEAD, before, after, around)
        assert refused.value.param == field


def test_a_key_outside_of_teams_is_bounded_by_its_user() -> None:
    """Its models and limits are the user's at most."""
    user = UserRecord("worker", 1.0, models=("a",))
    around = Surroundings(user=user, user_limits=Limits(max_budget=5), limits=Limits(max_budget=6))
    with pytest.raises(Forbidden):
        check_grant(WORKER, None, key(user_id="worker", team_id=""), around)
    with pytest.raises(Forbidden):
        check_grant(WORKER, None, key(user_id="worker", team_id="", models=("b",)), Surroundings(user=user))


def test_a_key_makes_no_key_that_has_more() -> None:
    """What the caller's own key says of models, limits and its end holds for the keys that it makes."""
    giver = key(models=("a",), limits=Limits(rpm=5, max_budget=7, budget_duration="1d"), expires=100.0)
    made = inherited(key(user_id="worker"), WORKER, giver)
    assert (made.models, made.limits.rpm, made.limits.max_budget, made.expires) == (("a",), 5, 7, 100.0)
    check_grant(WORKER, None, made, Surroundings(giver=giver, limits=made.limits))
    for more in (
        msgspec.structs.replace(made, models=("b",)),
        msgspec.structs.replace(made, models=()),
        msgspec.structs.replace(made, expires=None),
        msgspec.structs.replace(made, limits=Limits(rpm=6)),
    ):
        with pytest.raises(Forbidden):
            check_grant(WORKER, None, more, Surroundings(giver=giver, limits=more.limits))
    assert inherited(key(), WORKER, None) == key()


def test_a_key_for_some_routes_leaves_those_that_call_models() -> None:
    """Nothing said, a new key calls models, as far as its giver does, or all of them where the giver only manages."""
    for routes, left in (
        ((), ()),
        (("/key/generate",), LLM),
        (("/key/generate", "/v1/chat/completions"), ("/v1/chat/completions",)),
        (("management_routes", "openai_routes"), ("openai_routes",)),
        (("/v1/*",), ("/v1/*",)),
    ):
        for user in ("root", "other", ""):
            admin = Caller("proxy_admin", key="k", user="root", routes=routes)
            assert inherited(key(user_id=user), admin, key()).allowed_routes == left
            assert inherited(key(user_id=user, allowed_routes=("*",)), admin, key()).allowed_routes == ("*",)


BEFORE = key(
    user_id="worker",
    models=("a", "b"),
    limits=Limits(rpm=5, max_budget=7),
    expires=100.0,
    allowed_routes=LLM,
    allowed_addresses=("10.0.0.0/8",),
    guardrails=("pii",),
    enforced_params=("user",),
    budget_id="b",
    blocked=True,
)


def narrowed(before: KeyRecord, after: KeyRecord) -> None:
    """Check a change of a key that refers to no budget."""
    check_narrowed(before, after, before.limits, after.limits)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_id": "lead"}, "user_id"),
        ({"team_id": ""}, "team_id"),
        ({"organization_id": "o"}, "organization_id"),
        ({"budget_id": ""}, "budget_id"),
        ({"models": ()}, "models"),
        ({"models": ("a", "c")}, "models"),
        ({"limits": Limits(rpm=6, max_budget=7)}, "rpm_limit"),
        ({"limits": Limits(rpm=5)}, "max_budget"),
        ({"limits": Limits(rpm=5, max_budget=7, extra_budget=1, extra_until=9)}, "temp_budget_increase"),
        ({"expires": None}, "duration"),
        ({"expires": 101.0}, "duration"),
        ({"allowed_routes": ()}, "allowed_routes"),
        ({"allowed_routes": ("llm_api_routes", "/key/info")}, "allowed_routes"),
        ({"allowed_addresses": ("0.0.0.0/0",)}, "allowed_addresses"),
        ({"guardrails": ()}, "guardrails"),
        ({"enforced_params": ()}, "enforced_params"),
        ({"blocked": False}, "blocked"),
    ],
)
def test_a_user_makes_its_own_key_narrower_and_nothing_else(change: dict[str, Any], field: str) -> None:
    """Whatever would give the key more is refused and named."""
    with pytest.raises(Forbidden) as refused:
        narrowed(BEFORE, msgspec.structs.replace(BEFORE, **change))
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"max_budget": 1000}, "max_budget"),
        ({"rpm": 1000}, "rpm_limit"),
        ({"extra_budget": 1000, "extra_until": 9.0}, "temp_budget_increase"),
        ({"models": {"a": ModelLimits(rpm=1000)}}, "model_rpm_limit"),
    ],
)
def test_a_limit_of_its_own_does_not_get_round_the_budget_that_a_key_refers_to(
    change: dict[str, Any], field: str
) -> None:
    """What holds is compared: a key whose own record states nothing has the limits of its budget."""
    budget = Limits(rpm=5, max_budget=7, models={"a": ModelLimits(rpm=1)})
    before = key(user_id="worker", budget_id="b")
    after = msgspec.structs.replace(before, limits=Limits(**change))
    with pytest.raises(Forbidden) as refused:
        check_narrowed(before, after, merged(before.limits, budget), merged(after.limits, budget))
    assert refused.value.param == field


def test_a_user_does_not_prolong_an_increase_of_its_budget() -> None:
    """The same increase for longer, or again once it is over, is more money."""
    before = key(limits=Limits(max_budget=7, extra_budget=3, extra_until=9.0))
    narrowed(before, before)
    narrowed(before, msgspec.structs.replace(before, limits=Limits(max_budget=7, extra_budget=3, extra_until=8.0)))
    with pytest.raises(Forbidden) as refused:
        narrowed(before, msgspec.structs.replace(before, limits=Limits(max_budget=7, extra_budget=3, extra_until=10.0)))
    assert refused.value.param == "temp_budget_expiry"


def test_narrowing_and_naming_are_free() -> None:
    """Fewer models, lower limits, a sooner end, fewer routes, another alias and metadata."""
    narrowed(BEFORE, msgspec.structs.replace(BEFORE, allowed_routes=("/chat/completions",)))
    narrowed(
        BEFORE,
        msgspec.structs.replace(
            BEFORE, models=("a",), limits=Limits(rpm=1, max_budget=0), expires=1.0, key_alias="x", metadata={"a": 1}
        ),
    )


@given(asked=st.integers(0, 20) | st.none(), most=st.integers(0, 20) | st.none())
def test_no_key_is_beyond_the_operators_bounds(asked: int | None, most: int | None) -> None:
    """A number above the bound is refused, none at all becomes the bound."""
    bounds = KeyBounds(Limits(rpm=most, max_budget=most, budget_duration="1d"))
    record = key(limits=Limits(rpm=asked, max_budget=asked))
    if asked is not None and most is not None and asked > most:
        with pytest.raises(InvalidRequest):
            bounds.check_new(record, record.limits, 5.0)
        return
    bounds.check_new(record, record.limits, 5.0)
    limits = bounds.filled(record, record.limits, 5.0).limits
    assert (limits.rpm, limits.max_budget) == ((most if asked is None else asked),) * 2
    if asked is None and most is not None:
        assert (limits.budget_duration, limits.budget_since) == ("1d", 5.0)


def test_what_a_budget_says_is_not_silence() -> None:
    """A key that refers to a budget gets no default in the place of what the budget has."""
    filled = KeyBounds(Limits(rpm=5, max_budget=9)).filled(key(), Limits(max_budget=1), 5.0)
    assert (filled.limits.rpm, filled.limits.max_budget) == (5, None)


def test_no_key_outlives_the_operators_bound() -> None:
    """Without a duration it ends at the bound; an update may not go beyond it, and what was beyond may stay."""
    bounds = KeyBounds(duration="10s")
    assert bounds.filled(key(), Limits(), 5.0).expires == 15.0
    with pytest.raises(InvalidRequest):
        bounds.check_new(key(expires=16.0), Limits(), 5.0)
    with pytest.raises(InvalidRequest):
        bounds.check_change(key(expires=9.0), key(expires=None), Limits(), 5.0)
    bounds.check_change(key(expires=99.0), key(expires=99.0), Limits(), 5.0)


def test_routes_and_networks_are_read_or_refused() -> None:
    """A type stands for its routes; a typing error in a network opens and closes nothing unnoticed."""
    for name, routes in KEY_TYPES.items():
        assert read_routes(Fields({"key_type": name}), ()) == routes
        assert key_type_of(routes) == name
    assert key_type_of(("/key/info",)) == "default"
    assert read_routes(Fields({"allowed_routes": ["/v1/*", "openai_routes"]}), ()) == ("/v1/*", "openai_routes")
    for body in (
        {"key_type": "none"},
        {"key_type": "llm_api", "allowed_routes": ["/key/info"]},
    ):
        with pytest.raises(InvalidRequest):
            read_routes(Fields(body), ())
    assert read_addresses(Fields({"allowed_addresses": ["192.0.2.1", "10.0.0.0/8"]})) == ("192.0.2.1/32", "10.0.0.0/8")
    with pytest.raises(InvalidRequest) as refused:
        read_addresses(Fields({"allowed_addresses": ["10.0.0.1/8"]}))
    assert refused.value.param == "allowed_addresses[0]"


def test_a_list_is_what_the_caller_may_see() -> None:
    """Its own keys; those of a group that it manages when it names the group, or asks for its teams' keys."""
    plain, team = read_wanted({}), read_wanted({"team_id": "t"})
    assert visible(plain, MASTER) == (KeyFilter(),)
    assert visible(plain, WORKER) == (KeyFilter(user_id="worker"),)
    assert visible(team, WORKER, "o") == (KeyFilter(user_id="worker", team_id="t"),)
    assert visible(team, LEAD, "o") == (KeyFilter(team_id="t"),)
    assert visible(team, BOSS, "o") == (KeyFilter(team_id="t"),)
    assert visible(read_wanted({"include_team_keys": "true"}), LEAD) == (
        KeyFilter(user_id="lead"),
        KeyFilter(team_id="t"),
    )
    for caller, query in (
        (WORKER, {"user_id": "lead"}),
        (WORKER, {"team_id": "x"}),
        (HOLDER, {}),
        (BOSS, {"team_id": "x"}),
    ):
        with pytest.raises(Forbidden):
            visible(read_wanted(query), caller)
