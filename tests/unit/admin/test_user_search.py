"""Users that are searched for, and their order."""

from services.admin.domain.user_search import UserSearch, in_order
from shared.store.cards import Entry

ANNA = Entry("u-anna", "Anna@Example.com", "anna", "internal_user", 3.0)
BERT = Entry("u-bert", "bert@example.org", "", "proxy_admin", 1.0)
NOBODY = Entry("u-cleo", "", "cleo", "internal_user", 2.0)
ALL = [ANNA, BERT, NOBODY]


def test_nothing_that_is_asked_finds_everybody() -> None:
    """An empty search is a list of all."""
    assert UserSearch("", "", "").finds(ALL) == ALL


def test_parts_are_found_whatever_the_case_of_their_letters() -> None:
    """In the address, or in id or address; nothing in a text is a pattern."""
    assert UserSearch("", "EXAMPLE.", "").finds(ALL) == [ANNA, BERT]
    assert UserSearch("", "", "U-B").finds(ALL) == [BERT]
    assert UserSearch("", "", "n.a").finds(ALL) == []


def test_all_that_is_asked_must_be_true() -> None:
    """A role together with a part of an address."""
    assert UserSearch("internal_user", "example", "").finds(ALL) == [ANNA]


def test_users_are_in_the_order_of_a_field() -> None:
    """Letter by letter; those that are equal by their ids; the last ones first where that is asked for."""
    assert in_order(ALL, "email", down=False) == ["u-cleo", "u-anna", "u-bert"]
    assert in_order(ALL, "role", down=True) == ["u-bert", "u-cleo", "u-anna"]
    assert in_order(ALL, "_id", down=False) == ["u-anna", "u-bert", "u-cleo"]
    assert in_order(ALL, "created_at", down=True) == ["u-anna", "u-cleo", "u-bert"]
