"""What the bodies of budgets, customers and credentials may say."""

from typing import Any

import pytest

from services.admin.domain.audit_shapes import cursor_of, kind_of, position_of
from services.admin.domain.budget_fields import changed_budget, read_new_budget
from services.admin.domain.credential_fields import read_credential_change, read_new_credential, shown_values
from services.admin.domain.customer_fields import changed_customer, read_new_customer
from shared.errors import InvalidRequest
from shared.store.audit import AuditEntry, Position

NOW = 1_000_000.0


def test_a_budget_is_read_in_nano_dollars() -> None:
    """Its period begins when it is made; what has no meaning is named."""
    record, ignored = read_new_budget(
        {"budget_id": "ünï", "max_budget": 0.5, "budget_duration": "30d", "rpm_limit": 0, "budget_reset_at": "x"},
        NOW,
        "me",
    )
    assert (record.id, record.limits.max_budget, record.limits.rpm) == ("ünï", 500_000_000, 0)
    assert (record.limits.budget_since, record.created_by, ignored) == (NOW, "me", ("budget_reset_at",))
    assert read_new_budget({}, NOW, "me")[0].id != read_new_budget({}, NOW, "me")[0].id


def test_null_takes_a_limit_away_and_absent_leaves_it() -> None:
    """Each by itself, of budgets and of customers."""
    budget, _ = read_new_budget({"max_budget": 1, "rpm_limit": 5}, NOW, "me")
    assert changed_budget(budget, {}, NOW, "you").limits == budget.limits
    changed = changed_budget(budget, {"rpm_limit": None}, NOW + 1, "you")
    assert (changed.limits.rpm, changed.limits.max_budget, changed.updated_by) == (None, 1_000_000_000, "you")
    customer = read_new_customer({"user_id": "u", "alias": "a", "blocked": True, "models": ["m"]}, NOW, "me")
    after = changed_customer(customer, {"user_id": "u", "alias": None, "tpm_limit": 9}, NOW, "you")
    assert (after.alias, after.blocked, after.models, after.limits.tpm) == ("", True, ("m",), 9)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": {"$gt": ""}}, "user_id"),
        ({"user_id": "a\x1fb"}, "user_id"),
        ({"user_id": "u", "max_budget": -1}, "max_budget"),
        ({"user_id": "u", "budget_duration": "soon"}, "budget_duration"),
        ({"user_id": "u", "allowed_model_region": "eu"}, "allowed_model_region"),
        ({"user_id": "u", "object_permission": {"models": ["x"]}}, "object_permission"),
        ({"user_id": "u", "spend": 5}, "spend"),
        ({"user_id": "u", "created_by": "me"}, "created_by"),
        ({"user_id": "u", "budgetid": "x"}, "budgetid"),
        ({"user_id": "u", "models": "all"}, "models"),
    ],
)
def test_a_typing_error_names_its_field(body: dict[str, Any], param: str) -> None:
    """What would restrict and cannot be done is refused too."""
    with pytest.raises(InvalidRequest) as refused:
        read_new_customer(body, NOW, "me")
    assert refused.value.param == param


def test_a_credential_shows_its_references_and_addresses_alone() -> None:
    """A secret is masked from the moment that it is read."""
    wanted = read_new_credential(
        {"credential_name": "eu", "credential_values": {"api_key": "sk-canary", "api_base": "https://x.example/v1/"}}
    )
    assert wanted.values == {"api_key": "sk-canary", "api_base": "https://x.example/v1"}
    assert shown_values(wanted.values) == {"api_key": "***", "api_base": "https://x.example/v1"}
    assert shown_values({"api_key": "vault/openai#key"}) == {"api_key": "vault/openai#key"}
    assert "sk-canary" not in repr(wanted)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "credential_name"),
        ({"credential_name": "x"}, "credential_values"),
        (
            {"credential_name": "x", "credential_values": {"aws_secret_access_key": "x"}},
            "credential_values.aws_secret_access_key",
        ),
        ({"credential_name": "x", "credential_values": {"api_key": "file//etc/passwd"}}, "credential_values.api_key"),
        (
            {"credential_name": "x", "credential_values": {"api_base": "http://169.254.169.254"}},
            "credential_values.api_base",
        ),
        (
            {"credential_name": "x", "credential_values": {"api_key": "k"}, "credential_info": {"api_key": "k"}},
            "credential_info.api_key",
        ),
    ],
)
def test_what_a_credential_may_not_hold_is_refused(body: dict[str, Any], param: str) -> None:
    """Kinds that no provider here takes, secrets where they would show, and addresses that lead astray."""
    with pytest.raises(InvalidRequest) as refused:
        read_new_credential(body)
    assert refused.value.param == param


def test_a_change_of_a_credential_takes_away_what_is_null() -> None:
    """And what is listed for it; its name lasts."""
    change = read_credential_change(
        {"credential_values": {"api_key": None}, "credential_values_to_delete": ["api_base"]}, "eu"
    )
    assert (change.values, change.removed) == ({}, {"api_key", "api_base"})
    with pytest.raises(InvalidRequest):
        read_credential_change({"credential_name": "us"}, "eu")


def test_a_cursor_leads_back_to_its_entry() -> None:
    """Anything else is refused as such; LiteLLM's tables are kinds."""
    entry = AuditEntry(1.5, "h", "boss", "key.blocked", "key", "k", id="abc")
    assert position_of(cursor_of(entry)) == Position(1.5, "abc")
    for text in ("", "x", "ééé", "W10", cursor_of(entry)[:-3]):
        with pytest.raises(InvalidRequest):
            position_of(text)
    assert (kind_of("LiteLLM_TeamTable"), kind_of("team")) == ("team", "team")
