"""What the configuration file declares, as records and as steps towards them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.declared_places import place_of
from services.admin.domain.declared_plan import called, plan, references
from services.admin.domain.declared_records import DeclaredRecord, declared_records
from services.admin.domain.model_plan import model_steps
from shared.security.keys import key_digest, stored_hash
from shared.settings import Configuration
from shared.settings.problems import spelled
from shared.store.declarations import Declared
from shared.store.keys import KeyRecord
from shared.store.people import MembershipRecord, membership_id

SECRET = b"0123456789abcdef"
NOW = 1_000_000.0
KEY = "sk-declared-key-0001"


def wanted(**sections: Any) -> dict[Declared, DeclaredRecord]:
    """Return the records of a file."""
    return declared_records(Configuration.model_validate(sections), SECRET)


def applied(records: dict[Declared, DeclaredRecord], before: dict[Declared, DeclaredRecord]) -> dict[Any, Any]:
    """Return what the store has after a plan was carried out."""
    after = dict(before)
    for step in plan(records, before, set(before), NOW):
        after.pop(step.object, None)
        if step.after is not None:
            after[step.object] = step.after
    return after


def test_every_kind_becomes_a_record_of_its_own() -> None:
    """Dollars become nano-dollars, a key its stored hash, and each says that it is declared."""
    found = wanted(
        budgets=[{"budget_id": "b", "max_budget": 0.5, "budget_duration": "30d"}],
        users=[{"user_id": "u", "user_role": "proxy_admin"}],
        organizations=[{"organization_id": "o", "members": [{"user_id": "u", "role": "org_admin"}]}],
        teams=[
            {
                "team_id": "t",
                "rpm_limit": 5,
                "model_max_budget": {"m": {"max_budget": 1}},
                "members": [{"user_id": "u", "role": "admin", "max_budget_in_team": 2, "allowed_models": ["m"]}],
            }
        ],
        customers=[{"user_id": "c", "blocked": True}],
        keys=[{"key_alias": "k", "key": KEY, "team_id": "t"}],
    )
    hash = stored_hash(key_digest(KEY), SECRET)
    of_organization, of_team = membership_id("organization", "o", "u"), membership_id("team", "t", "u")
    people = [("user", "u"), ("organization", "o"), ("team", "t"), ("member", of_organization), ("member", of_team)]
    kinds = [("budget", "b"), *people, ("customer", "c"), ("key", hash)]
    assert list(found) == [Declared(kind, id) for kind, id in kinds]  # type: ignore[arg-type]
    assert all(record.declared for record in found.values())
    assert found[Declared("budget", "b")].limits.max_budget == 500_000_000
    assert found[Declared("team", "t")].limits.models["m"].max_budget == 10**9
    lead, boss = found[Declared("member", of_team)], found[Declared("member", of_organization)]
    assert isinstance(lead, MembershipRecord)
    assert isinstance(boss, MembershipRecord)
    assert (lead.role, lead.limits.max_budget, lead.models, boss.role) == ("admin", 2 * 10**9, ("m",), "admin")
    by_hash = wanted(keys=[{"key_alias": "k", "key_hash": key_digest(KEY), "team_id": "t"}])
    assert list(by_hash) == [Declared("key", hash)]


def test_a_file_that_was_applied_changes_nothing() -> None:
    """Not even the beginning of a budget's period."""
    records = wanted(
        budgets=[{"budget_id": "b", "max_budget": 1, "budget_duration": "1d"}], keys=[{"key_alias": "k", "key": KEY}]
    )
    store = applied(records, {})
    assert [step.action for step in plan(records, {}, set(), NOW)] == ["create", "create"]
    assert plan(records, store, set(store), NOW + 99) == []
    assert store[Declared("budget", "b")].limits.budget_since == NOW


def test_what_differs_is_named_and_what_is_gone_is_removed() -> None:
    """Removals come first."""
    store = applied(wanted(teams=[{"team_id": "a"}, {"team_id": "b", "models": ["m"]}]), {})
    steps = plan(wanted(teams=[{"team_id": "b", "models": ["m", "n"], "team_alias": "B"}]), store, set(store), NOW)
    assert [(step.action, step.name, step.fields) for step in steps] == [
        ("remove", "a", ()),
        ("change", "b", ("alias", "models")),
    ]


def test_an_object_of_the_api_is_taken_over() -> None:
    """It keeps when it was made, and is the file's from then on."""
    records = wanted(users=[{"user_id": "u"}])
    object = Declared("user", "u")
    made = msgspec.structs.replace(records[object], created_at=5.0, declared=False, created_by="boss")
    (step,) = plan(records, {object: made}, set(), NOW)
    assert step.after is not None
    assert (step.action, step.after.created_at, step.after.declared) == ("change", 5.0, True)


def test_a_declared_key_with_another_value_goes_on_with_its_spend() -> None:
    """The ledger knows it by its first hash, however often it changes."""
    store: dict[Declared, DeclaredRecord] = {}
    for value in (KEY, "sk-declared-key-0002", "sk-declared-key-0003"):
        store = applied(wanted(keys=[{"key_alias": "k", "key": value}]), store)
    (record,) = store.values()
    assert isinstance(record, KeyRecord)
    assert record.id == stored_hash(key_digest(KEY), SECRET)
    assert record.hash == stored_hash(key_digest("sk-declared-key-0003"), SECRET)


@given(
    first=st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)),
    second=st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)),
)
def test_any_file_is_reached_from_any_other(first: dict[str, int], second: dict[str, int]) -> None:
    """After the steps the store has what the second file says, and nothing else of the first."""

    def file(limits: dict[str, int]) -> dict[Declared, DeclaredRecord]:
        return wanted(budgets=[{"budget_id": id, "rpm_limit": rpm} for id, rpm in limits.items()])

    store = applied(file(second), applied(file(first), {}))
    assert {object.id: record.limits.rpm for object, record in store.items()} == second


def test_references_say_who_refers() -> None:
    """By the alias of a key, by user and group of a member, and by the id of all others."""
    assert referring(keys=[{"key_alias": "k", "key": KEY, "team_id": "t", "budget_id": "b"}]) == {
        Declared("team", "t"): "the key 'k'",
        Declared("budget", "b"): "the key 'k'",
    }
    assert referring(teams=[{"team_id": "t", "organization_id": "o", "members": [{"user_id": "u"}]}]) == {
        Declared("organization", "o"): "'t'",
        Declared("user", "u"): "'u of team t'",
        Declared("team", "t"): "'u of team t'",
    }


def referring(**sections: Any) -> dict[Declared, str]:
    """Return who refers to what."""
    records = list(wanted(**sections).values())
    return {object: called(record) for object, record in references(records).items()}


def test_a_reference_has_its_place_in_the_file() -> None:
    """By number of the section's item, and of the member within it."""
    configuration = Configuration.model_validate(
        {
            "users": [{"user_id": "a"}, {"user_id": "b", "budget_id": "x"}],
            "customers": [{"user_id": "c", "budget_id": "x"}],
            "organizations": [{"organization_id": "o", "members": [{"user_id": "a"}, {"user_id": "b"}]}],
            "teams": [{"team_id": "s"}, {"team_id": "t", "organization_id": "o", "members": [{"user_id": "u"}]}],
            "keys": [{"key_alias": "k", "key": KEY, "team_id": "t"}],
        }
    )
    places = {
        (called(record), object.kind): spelled(place_of(record, object.kind, configuration) or ())
        for record in declared_records(configuration, SECRET).values()
        for object in references([record])
    }
    assert places == {
        ("'b'", "budget"): "users[1].budget_id",
        ("'c'", "budget"): "customers[0].budget_id",
        ("'a of organization o'", "user"): "organizations[0].members[0].user_id",
        ("'a of organization o'", "organization"): "organizations[0].members[0].organization_id",
        ("'b of organization o'", "user"): "organizations[0].members[1].user_id",
        ("'b of organization o'", "organization"): "organizations[0].members[1].organization_id",
        ("'t'", "organization"): "teams[1].organization_id",
        ("'u of team t'", "user"): "teams[1].members[0].user_id",
        ("'u of team t'", "team"): "teams[1].members[0].team_id",
        ("the key 'k'", "team"): "keys[0].team_id",
    }


def test_deployments_are_compared_by_id() -> None:
    """Secrets are not compared, since admin is told none; the built-in demo model is no step."""

    def file(*deployments: dict[str, Any]) -> Configuration:
        groups = [
            {"model_name": "m", "deployments": [{"provider": "openai", "model": "x", **item} for item in deployments]}
        ]
        return Configuration.model_validate({"models": groups if deployments else []})

    old, new = file({"id": "a"}, {"id": "b", "api_key": "sk"}), file({"id": "b", "weight": 2}, {"id": "c"})
    assert [(step["action"], step["name"], step["fields"]) for step in model_steps(old, new)] == [
        ("remove", "a", []),
        ("change", "b", ["weight"]),
        ("create", "c", []),
    ]
    assert model_steps(old, old) == []


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        ({"keys": [{"key_alias": "k"}]}, "needs either"),
        ({"keys": [{"key_alias": "k", "key": KEY, "key_hash": "0" * 64}]}, "needs either"),
        ({"keys": [{"key_alias": "k", "key": "short"}]}, "must begin with"),
        ({"keys": [{"key_alias": "k", "key": KEY}, {"key_alias": "k", "key": KEY}]}, "two of the key"),
        ({"teams": [{"team_id": "t"}, {"team_id": "t"}]}, "two of the team"),
        ({"organizations": [{"organization_id": "o"}, {"organization_id": "o"}]}, "two of the organization"),
        ({"teams": [{"team_id": "t", "members": [{"user_id": "u"}, {"user_id": "u"}]}]}, "stands there twice"),
        ({"teams": [{"team_id": "t", "members": [{"user_id": "u", "role": "org_admin"}]}]}, "'admin' or 'user'"),
        ({"keys": [{"key_alias": "k", "key": KEY, "allowed_routes": ["/key/generat"]}]}, "perhaps '/key/generate'"),
        ({"budgets": [{"budget_id": "b", "budget_duration": "soon"}]}, "use a number and s, m"),
        ({"budgets": [{"budget_id": "b", "max_budget": -1}]}, "greater than or equal"),
        ({"users": [{"user_id": "a\x1fb"}]}, "leave control characters out"),
        ({"customers": [{"user_id": "c", "spend": 1}]}, "not permitted"),
    ],
)
def test_a_mistake_in_a_declaration_is_told(sections: dict[str, Any], what: str) -> None:
    """As all mistakes of the file are."""
    with pytest.raises(ValueError, match=what):
        Configuration.model_validate(sections)
