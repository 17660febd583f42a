"""What becomes of an imported object."""

from itertools import product
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.schemas.limits import Limits
from shared.schemas.scopes import Scope, member_id
from shared.store.imports import ImportRecord
from shared.store.keys import KeyRecord
from tollway.litellm.found import Found, Spent
from tollway.litellm.plan import (
    CHANGED,
    DECLARED,
    DELETED,
    HERE,
    decide,
    opening,
    source_digest,
    spent_since,
    stored_digest,
)

KEY = KeyRecord("hash", "sk-...", 1.0, limits=Limits(rpm=5))
FOUND = Found("key", "hash", "k", KEY)
SOURCE = source_digest(FOUND, b"secret")
IMPORTED = ImportRecord("key", SOURCE, stored_digest(KEY))
OTHER = msgspec.structs.replace(IMPORTED, source="another")
CHANGED_HERE = msgspec.structs.replace(KEY, blocked=True)

NOW = 1000.0
amounts = st.integers(0, 10**17)


def decided(present: KeyRecord | None, before: ImportRecord | None, *, overwrite: bool = False) -> Any:
    """Return the decision about the key."""
    return decide(FOUND, present, before, SOURCE, overwrite=overwrite)


def test_new_objects_are_made_and_untouched_ones_follow_their_source() -> None:
    """And what has no news is kept without a word."""
    assert decided(None, None) == ("create", "")
    assert decided(KEY, IMPORTED) == ("keep", "")
    assert decided(KEY, OTHER) == ("replace", "")
    assert decided(msgspec.structs.replace(KEY, shelf=7), OTHER) == ("replace", "")


def test_what_somebody_did_here_stays_and_is_told() -> None:
    """Unless it is to be overwritten."""
    assert decided(KEY, None) == ("keep", HERE)
    assert decided(CHANGED_HERE, OTHER) == ("keep", CHANGED)
    assert decided(CHANGED_HERE, IMPORTED) == ("keep", "")
    assert decided(None, IMPORTED) == ("keep", DELETED)
    for present, before in product((KEY, CHANGED_HERE), (None, OTHER)):
        assert decided(present, before, overwrite=True) == ("replace", "")
    assert decided(None, IMPORTED, overwrite=True) == ("create", "")


def test_what_the_configuration_file_declares_is_never_replaced() -> None:
    """Whatever the operator says."""
    declared = msgspec.structs.replace(KEY, declared=True)
    for before, overwrite in product((None, IMPORTED, OTHER), (False, True)):
        assert decided(declared, before, overwrite=overwrite) == ("keep", DECLARED)


def test_another_secret_is_news() -> None:
    """Though what is sealed is not compared."""
    with_secret = Found("key", "hash", "k", KEY, secrets=("a",))
    other = Found("key", "hash", "k", KEY, secrets=("b",))
    assert source_digest(with_secret, b"secret") != source_digest(other, b"secret")
    assert "secrets" not in repr(with_secret)


@given(st.lists(st.tuples(amounts, st.sampled_from([0.0, 500.0, 2000.0, 3000.0])), max_size=8))
def test_runs_carry_over_the_most_that_was_spent_in_a_period(runs: list[tuple[int, float]]) -> None:
    """However often they are repeated; a period that is over leaves nothing."""
    before: ImportRecord | None = None
    for nano, until in runs:
        spent = Spent(Scope("key", "hash"), nano, until)
        already = before.spent if before is not None and before.until == until else 0
        news = spent_since(spent, before, NOW)
        assert news == (0 if until == 500.0 else max(nano - already, 0))
        before = ImportRecord("key", "", "", already + news, until)
        assert spent_since(spent, before, NOW) == 0


@given(
    amounts.filter(bool),
    st.sampled_from(["key", "user", "team", "organization", "customer", "member"]),
)
def test_an_opening_is_the_whole_amount_for_one_scope(nano: int, kind: Any) -> None:
    """Under an id that the ledger takes, and that another amount does not share."""
    scope = Scope(kind, member_id("t", "u") if kind == "member" else "x" * 200)
    spent = Spent(scope, nano, 0.0)
    completion = opening(spent, nano, nano, NOW)
    assert completion.cost == nano
    assert completion.opening == scope.text
    again = msgspec.json.decode(msgspec.json.encode(completion), type=type(completion))
    assert again == completion
    assert opening(spent, 1, nano + 1, NOW).request_id != completion.request_id
