"""Which models a key may use, as LiteLLM's lists mean it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.standing import Standing
from tests.unit.auth.making import key, member, organization, standing, team, user


def may(known: Standing, asked: str, also: tuple[str, ...] = ()) -> bool:
    """Tell whether a caller that says `asked` gets through; what later stages are told must agree."""
    target = known.grants.target(asked)
    allowed = known.grants.allow(asked, target, also)
    if asked == target:
        assert known.principal.may_use(target, also) == allowed
    return allowed


IN_TEAM = {"user_id": "u", "team_id": "t"}


@pytest.mark.parametrize(
    ("models", "around", "asked", "allowed"),
    [
        ((), {}, "any", True),
        (("a",), {}, "a", True),
        (("a",), {}, "b", False),
        (("all-proxy-models",), {}, "b", True),
        (("*",), {}, "b", True),
        (("no-default-models",), {}, "a", False),
        (("no-default-models", "a"), {}, "a", True),
        # A key without a team has all-team-models without bounds, as in LiteLLM.
        (("all-team-models",), {}, "a", True),
        (("all-team-models",), {"team": team(models=("a",))}, "a", True),
        (("all-team-models",), {"team": team(models=("a",))}, "b", False),
        ((), {"team": team(models=("a",))}, "b", False),
        ((), {"team": team()}, "b", True),
        ((), {"team": team(models=("all-proxy-models",))}, "b", True),
        ((), {"team": team(models=("all-team-models",))}, "b", True),
        # A model that was taken from the team stops working on its keys.
        (("a", "b"), {"team": team(models=("a",))}, "b", False),
        (("all-proxy-models",), {"team": team(models=("a",))}, "b", False),
        ((), {"team": team(), "member": member(models=("a",))}, "b", False),
        ((), {"team": team(models=("b",)), "member": member(models=("a",))}, "a", False),
        ((), {"team": team(), "organization": organization(models=("a",))}, "b", False),
        # A user's list holds for keys without a team only.
        ((), {"user": user(models=("a",))}, "b", False),
        ((), {"user": user(models=("a",)), "team": team()}, "b", True),
        ((), {"user": user(models=("no-default-models",))}, "b", False),
        (("b",), {"user": user(models=("no-default-models", "b"))}, "b", False),
        ((), {"user": user(models=("no-default-models",)), "team": team()}, "b", True),
    ],
)
def test_every_list_must_allow(models: tuple[str, ...], around: dict[str, Any], asked: str, allowed: bool) -> None:
    """The key's list, the member's, the team's and the organization's are met together."""
    assert may(standing(key(models=models, **IN_TEAM), **around), asked) == allowed


@pytest.mark.parametrize(
    ("entry", "asked", "also", "allowed"),
    [
        ("openai/*", "openai/gpt-4o", (), True),
        ("openai/*", "gpt-4o", ("openai/gpt-4o",), True),
        ("openai/*", "gpt-4o", ("azure/gpt-4o",), False),
        ("openai/*", "openaix/gpt-4o", (), False),
        ("gpt-*", "gpt-4o", (), True),
        ("*-mini", "gpt-4o-mini", (), True),
        ("a*b*a", "aba", (), True),
        ("a*a", "a", (), False),
        ("gpt-4.", "gpt-4o", (), False),
        # Only a wildcard means the provider's models: a name stands for itself.
        ("openai/gpt-4o", "gpt-4o", ("openai/gpt-4o",), False),
    ],
)
def test_wildcards(entry: str, asked: str, also: tuple[str, ...], allowed: bool) -> None:
    """A star stands for any text, and nothing else is special."""
    assert may(standing(key(models=(entry,))), asked, also) == allowed


def test_an_access_group_stands_for_its_models() -> None:
    """On the key and on the team; a model of that name is meant as well."""
    groups = {"beta": ("a", "b")}
    assert may(standing(key(models=("beta",)), groups), "a")
    assert may(standing(key(models=("beta",)), groups), "beta")
    assert not may(standing(key(models=("beta",)), groups), "c")
    assert may(standing(key(models=("a", "c"), team_id="t"), groups, team=team(models=("beta",))), "a")
    assert not may(standing(key(models=("a", "c"), team_id="t"), groups, team=team(models=("beta",))), "c")


def test_aliases_apply_before_the_check() -> None:
    """First the team's, then the key's; what they lead to must be allowed."""
    both = standing(
        key(models=("big",), aliases={"mid": "big"}, team_id="t"),
        team=team(models=("big",), model_aliases={"small": "mid"}),
    )
    assert both.grants.target("small") == "big"
    assert may(both, "small")
    assert not may(standing(key(aliases={"a": "b"}, team_id="t"), team=team(models=("a",))), "a")


def test_a_key_may_name_a_model_as_its_team_calls_it() -> None:
    """The team's alias is a name that the team gave; a key's own alias opens nothing."""
    by_team = standing(key(models=("gpt",), team_id="t"), team=team(models=("gpt-x",), model_aliases={"gpt": "gpt-x"}))
    assert may(by_team, "gpt")
    assert not may(by_team, "gpt-x")
    assert not may(standing(key(models=("gpt",), aliases={"gpt": "gpt-x"})), "gpt")


NAMES = st.sampled_from(["a", "b", "c", "all-proxy-models", "all-team-models", "no-default-models", "a*"])
LISTS = st.lists(NAMES, max_size=3).map(tuple)


@given(LISTS, LISTS, LISTS, LISTS, st.sampled_from(["a", "b", "c", "ab"]))
def test_a_key_never_has_more_than_its_team(
    own: tuple[str, ...], team_models: tuple[str, ...], of_member: tuple[str, ...], of_org: tuple[str, ...], asked: str
) -> None:
    """Whatever stands on the key, a model that its team alone may not use is refused."""
    around = {"team": team(models=team_models), "organization": organization(models=of_org)}
    widest = standing(key(models=("all-proxy-models",), **IN_TEAM), **around)
    known = standing(key(models=own, **IN_TEAM), member=member(models=of_member), **around)
    assert may(known, asked) <= may(widest, asked)
