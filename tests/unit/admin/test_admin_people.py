"""The bodies of user, team and organization routes, and what administrators of a team may change."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.defaults import as_body, with_defaults
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.member_fields import (
    ORGANIZATION_ADD,
    TEAM_ADD,
    TEAM_ROLES,
    Person,
    read_limits_of_members,
    read_people,
)
from services.admin.domain.organization_fields import ORGANIZATION_FIELDS, read_new_organization
from services.admin.domain.pages import listed, read_page
from services.admin.domain.team_fields import NEW_TEAM, TEAM_UPDATE, read_new_team, read_team_update
from services.admin.domain.team_rights import check_by_team_admin
from services.admin.domain.user_fields import NEW_USER, USER_UPDATE, read_new_user, read_user_update
from shared.errors import Forbidden, InvalidRequest, TollwayError
from shared.schemas.limits import Limits
from shared.settings.defaults import TeamDefaults, UserDefaults
from shared.store.people import TeamRecord, UserRecord

NOW = 1_800_000_000.0
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def bodies(policy: FieldPolicy) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects whose fields are the policy's, with any values."""
    return st.dictionaries(st.sampled_from(sorted(policy.names)), JSON, max_size=5)


@given(bodies(NEW_USER), bodies(USER_UPDATE))
def test_any_body_is_a_user_or_refused(body: dict[str, Any], update: dict[str, Any]) -> None:
    """Whatever a field holds, the outcome is a user or an error that names a field."""
    with suppress(TollwayError):
        read_new_user(body, id="u", now=NOW, by="me")
    with suppress(TollwayError):
        read_user_update(update, UserRecord("u", NOW), now=NOW, by="me")


@given(bodies(NEW_TEAM), bodies(TEAM_UPDATE))
def test_any_body_is_a_team_or_refused(body: dict[str, Any], update: dict[str, Any]) -> None:
    """The same of teams."""
    with suppress(TollwayError):
        read_new_team(body, id="t", now=NOW, by="me")
    with suppress(TollwayError):
        read_team_update(update, TeamRecord("t", NOW), now=NOW, by="me")


@given(bodies(ORGANIZATION_FIELDS))
def test_any_body_is_an_organization_or_refused(body: dict[str, Any]) -> None:
    """The same of organizations."""
    with suppress(TollwayError):
        read_new_organization(body, id="o", now=NOW, by="me")


@given(st.dictionaries(st.sampled_from(["member"]), JSON))
def test_any_members_are_people_or_refused(body: dict[str, Any]) -> None:
    """The same of members."""
    with suppress(TollwayError):
        for person in read_people(Fields(body), "member", TEAM_ROLES):
            assert person.name


def test_an_empty_update_changes_nothing_but_its_moment() -> None:
    """Absent fields stay as they were, kept ones included."""
    before = read_new_team(
        {
            "team_alias": "T", "models": ["a"], "max_budget": 5, "budget_duration": "30d", "team_member_budget": 1,
            "team_member_budget_duration": "1d", "model_aliases": {"x": "y"}, "tags": ["t"],
            "router_settings": {"a": 1},
        },
        id="t", now=NOW, by="me",
    ).record  # fmt: skip
    after = read_team_update({"team_id": "t"}, before, now=NOW + 5, by="you")
    assert (after.updated_at, after.updated_by) == (NOW + 5, "you")
    assert read_team_update({}, after, now=NOW + 5, by="you") == after
    assert (after.limits, after.member_limits, after.ignored) == (before.limits, before.member_limits, before.ignored)


def test_people_are_one_or_several() -> None:
    """By id, by address or by both; nobody twice."""
    assert read_people(Fields({"member": {"user_id": "u", "role": "admin"}}), "member", TEAM_ROLES) == (
        Person("u", "", "admin"),
    )
    several = [{"user_email": "a@b"}, {"user_id": "u", "user_email": "c@d"}]
    assert [person.name for person in read_people(Fields({"member": several}), "member", TEAM_ROLES)] == ["a@b", "u"]
    with pytest.raises(InvalidRequest, match="twice"):
        read_people(Fields({"member": [{"user_id": "u"}, {"user_id": "u", "role": "admin"}]}), "member", TEAM_ROLES)
    with pytest.raises(InvalidRequest, match="role"):
        read_people(Fields({"member": {"user_id": "u", "role": "org_admin"}}), "member", TEAM_ROLES)


def test_older_lists_of_members_count_too() -> None:
    """`admins` and `members` are ids; who stands in `members_with_roles` as well has the role from there."""
    body = {"members_with_roles": [{"user_id": "a", "role": "user"}], "admins": ["a", "b"], "members": ["b", "c"]}
    people = read_new_team(body, id="t", now=NOW, by="me").members
    assert [(person.user, person.role) for person in people] == [("a", "user"), ("b", "admin"), ("c", "user")]


def test_what_would_seem_to_restrict_is_refused() -> None:
    """Nothing counts for members of an organization, and unknown fields are errors."""
    with pytest.raises(InvalidRequest, match="max_budget_in_organization"):
        ORGANIZATION_ADD.sort_out({"max_budget_in_organization": 5})
    with pytest.raises(InvalidRequest, match="max_budget_in_team"):
        TEAM_ADD.sort_out({"max_budget_in_taem": 5})


def test_a_members_period_begins_when_its_duration_changes() -> None:
    """Another change does not begin it anew."""
    first = read_limits_of_members(Fields({"team_member_budget_duration": "1d"}), Limits(), NOW)
    assert first.budget_since == NOW
    second = read_limits_of_members(Fields({"team_member_budget": 5}), first, NOW + 9)
    assert (second.budget_since, second.max_budget) == (NOW, 5_000_000_000)
    assert read_limits_of_members(Fields({"team_member_budget_duration": None}), second, NOW).budget_since == 0.0


amounts = st.none() | st.integers(0, 20)


@given(amounts, amounts, amounts, amounts)
def test_a_teams_administrator_never_raises_a_limit(
    budget: int | None, rpm: int | None, new_budget: int | None, new_rpm: int | None
) -> None:
    """Whatever it asks for is refused, or leaves the team with no more than it had."""
    before = read_new_team({"max_budget": budget, "rpm_limit": rpm}, id="t", now=NOW, by="me").record
    body = {"max_budget": new_budget, "rpm_limit": new_rpm}
    after = read_team_update(body, before, now=NOW, by="me")
    try:
        check_by_team_admin(body, before, after, before.limits, after.limits)
    except Forbidden:
        return
    for old, new in ((budget, new_budget), (rpm, new_rpm)):
        assert old is None or (new is not None and new <= old)


@pytest.mark.parametrize(
    "body",
    [
        {"model_max_budget": {}},
        {"model_max_budget": {"a": {"max_budget": 1, "budget_duration": "1h"}}},
        {"model_rpm_limit": {"b": 1}},
        {"model_tpm_limit": None},
    ],
)
def test_a_models_limit_is_not_taken_from_a_team(body: dict[str, Any]) -> None:
    """Nor its budget's period made shorter."""
    limits = {
        "model_max_budget": {"a": {"max_budget": 1, "budget_duration": "1d"}},
        "model_rpm_limit": {"a": 1},
        "model_tpm_limit": {"a": 1},
    }
    before = read_new_team(limits, id="t", now=NOW, by="me").record
    with pytest.raises(Forbidden):
        after = read_team_update(body, before, now=NOW, by="me")
        check_by_team_admin(body, before, after, before.limits, after.limits)


def test_defaults_are_for_the_silent() -> None:
    """Null and an empty list are silence, zero and false are not; a budget of one's own has no default period."""
    defaults = as_body(UserDefaults(models=("a",), max_budget=5, budget_duration="30d", rpm_limit=3))
    assert defaults["models"] == ["a"]
    assert with_defaults({"rpm_limit": 0, "models": [], "max_budget": None}, defaults) == {
        "user_role": "internal_user", "models": ["a"], "max_budget": 5.0, "budget_duration": "30d", "rpm_limit": 0,
    }  # fmt: skip
    assert "budget_duration" not in with_defaults({"max_budget": 1}, defaults)
    assert as_body(TeamDefaults()) == {}


def test_pages_are_read_from_a_query() -> None:
    """The newest first unless a field is named, which ascends unless told otherwise."""
    orders = {"name": "alias"}
    page = read_page(Fields({"page": "3", "page_size": "20"}), size=10, orders=orders)
    assert (page.skip, page.order, page.down) == (40, "created_at", True)
    assert page.shape(41) == {"total": 41, "page": 3, "page_size": 20, "total_pages": 3}
    page = read_page(Fields({"sort_by": "name"}), size=10, orders=orders)
    assert (page.order, page.down, page.size) == ("alias", False, 10)
    assert read_page(Fields({"sort_by": "name", "sort_order": "DESC"}), size=10, orders=orders).down
    for wrong in ({"page": "0"}, {"page_size": "101"}, {"sort_by": "alias"}, {"sort_order": "up"}):
        with pytest.raises(InvalidRequest):
            read_page(Fields(wrong), size=10, orders=orders)
    assert listed(Fields({"ids": " a,b,,a "}), "ids") == ("a", "b")
