"""Rows of LiteLLM's tables as bodies of management routes."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.key_fields import KEY_FIELDS
from shared.errors import InvalidRequest
from shared.periods import period
from shared.schemas.limits import Limits
from tollway.litellm.found import Known, Triple
from tollway.litellm.keys import KeyTranslation
from tollway.litellm.rows import LeftOut, anchored, body_of, moment, nano_of

DIGEST = "ab" * 32
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
columns = [
    "key_alias", "key_name", "spend", "models", "aliases", "config", "user_id", "team_id", "permissions", "blocked",
    "max_parallel_requests", "metadata", "tpm_limit", "rpm_limit", "max_budget", "budget_duration", "allowed_routes",
    "key_type", "model_max_budget", "budget_id", "organization_id", "tpd_limit", "policies", "created_by", "a_new",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(columns), values))
def test_any_row_is_a_key_or_left_out(row: dict[str, Any]) -> None:
    """Whatever stands in its columns; what restricts and has no place here is never dropped."""
    translate = KeyTranslation(b"secret", frozenset(), 0.0)
    try:
        found = translate(Triple(row | {"token": DIGEST}, {}, {}), Known())
    except (LeftOut, InvalidRequest):
        return
    assert not row.get("policies")
    assert row.get("tpd_limit") in (None, "", [], {}, False)
    assert found.record.limits.rpm == (None if row.get("rpm_limit") in ("", [], {}, False) else row.get("rpm_limit"))


def test_what_litellm_keeps_in_metadata_is_read_where_it_belongs() -> None:
    """And what restricts there and has no place is refused."""
    body = body_of({"metadata": {"guardrails": ["g"], "note": 1, "logging": [1], "policies": []}}, KEY_FIELDS)
    assert body.fields == {"metadata": {"note": 1}, "guardrails": ["g"]}
    assert body.notes == ["metadata.logging"]
    with pytest.raises(LeftOut, match="model_itpm_limit"):
        body_of({"metadata": {"model_itpm_limit": {"m": 1}}}, KEY_FIELDS)


def test_what_an_object_refers_to_must_come_with_it() -> None:
    """Else its limits would be lost; a user who never was is no harm."""
    known = Known()
    known.note("team", "t", brought=True)
    known.note("user", "u", brought=False)
    known.need("team", "t")
    known.need("team", None)
    known.not_left("user", "nobody")
    with pytest.raises(LeftOut, match="Its user 'u' was left out"):
        known.not_left("user", "u")
    with pytest.raises(LeftOut, match="Its budget 'b' does not exist"):
        known.need("budget", "b")


@given(st.sampled_from(["45d", "10d", "7h", "5h"]), st.integers(0, 10**6))
def test_a_period_ends_when_it_would_have_ended(duration: str, ahead: int) -> None:
    """To the day where it is of days or months, whose ends are midnights."""
    now = float(int(time.time()))
    length = {"45d": 45 * 86_400, "10d": 10 * 86_400, "7h": 25_200, "5h": 18_000}[duration]
    reset_at = now + ahead % length + 1
    limits = anchored(Limits(budget_duration=duration), reset_at, 0.0)
    _, until = period(duration, limits.budget_since, now)
    assert 0 <= until - reset_at <= (86_400 if duration.endswith("d") else 0)


def test_times_are_utc_and_money_is_exact() -> None:
    """As PostgreSQL's JSON has them."""
    assert moment("1970-01-02T00:00:00") == 86_400
    assert moment("1970-01-02T01:00:00.5+01:00") == 86_400.5
    assert moment(None) == 0
    assert nano_of({"spend": 0.1}) == 100_000_000
    assert nano_of({"spend": -1}) == nano_of({}) == 0
