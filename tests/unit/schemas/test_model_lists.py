"""Lists of models."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.schemas.context import Principal
from shared.schemas.model_lists import allows

TEXT = st.text("ab/*.", max_size=8)


@given(TEXT, st.text("ab/.", max_size=8))
def test_a_star_stands_for_any_text(entry: str, name: str) -> None:
    """It matches what the expression with `.*` for each star matches, and nothing else in an entry is special."""
    expression = ".*".join(re.escape(part) for part in entry.split("*"))
    assert allows((entry,), name) == bool(re.fullmatch(expression, name))


def test_many_stars_take_no_time() -> None:
    """An entry that would take an expression for ever."""
    assert not allows(("*a" * 60 + "b",), "a" * 500)


def test_an_empty_list_allows_all() -> None:
    """Only a list that is there limits."""
    assert allows((), "anything")


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=3).map(tuple), max_size=3), st.sampled_from("abc"))
def test_a_principal_may_use_what_all_its_lists_allow(lists: list[tuple[str, ...]], model: str) -> None:
    """The first list and those around it count alike."""
    principal = Principal("key_holder", models=lists[0] if lists else (), within=tuple(lists[1:]))
    assert principal.may_use(model) == all(allows(models, model) for models in lists)
