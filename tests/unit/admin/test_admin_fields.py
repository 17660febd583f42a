"""What bodies and query strings may say."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.fields import FieldPolicy, Fields, says_nothing
from services.admin.domain.key_fields import KEY_FIELDS, read_new_key
from services.admin.domain.key_ids import shown_id, stored_candidates
from services.admin.domain.masking import MASK, without_secrets
from services.admin.domain.requests import MAX_BODY_BYTES, read_body, read_path, read_query
from shared.errors import BodyTooLarge, InvalidRequest
from shared.security.keys import key_digest, stored_hash

SECRET = b"0123456789abcdef"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(body=st.dictionaries(st.sampled_from(sorted(KEY_FIELDS.names)) | st.text(), json_values, max_size=6))
def test_any_body_is_a_key_or_refused(body: dict[str, Any]) -> None:
    """Whatever stands in it, nothing but typed text gets further."""
    with suppress(InvalidRequest):
        wanted = read_new_key(body, 0.0)
        record = wanted.record
        texts = (wanted.key, record.key_alias, record.user_id, record.team_id, record.budget_id, *record.models)
        assert all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize("name", sorted(KEY_FIELDS.refused))
def test_a_field_that_would_restrict_is_refused_unless_it_says_nothing(name: str) -> None:
    """Null, empty and the default pass; a limit of zero is a limit."""
    for nothing in (None, [], {}, "", KEY_FIELDS.refused[name]):
        read_new_key({name: nothing}, 0.0)
    for something in (7, "x", ["x"], {"a": 1}, True):
        with pytest.raises(InvalidRequest) as refused:
            read_new_key({name: something}, 0.0)
        assert refused.value.param == name


def test_a_limit_of_zero_is_not_nothing() -> None:
    """LiteLLM's `max_budget: 0` permits nothing; what Tollway does not have cannot be left out."""
    assert read_new_key({"max_budget": 0}, 0.0).record.limits.max_budget == 0
    with pytest.raises(InvalidRequest):
        read_new_key({"tpd_limit": 0}, 0.0)
    assert read_new_key({"spend": 0.0}, 0.0).record.ignored == {}


def test_a_field_without_a_meaning_is_kept_and_named() -> None:
    """What restricts nothing is accepted; what says nothing is not worth naming."""
    wanted = read_new_key({"config": {"a": 1}, "send_invite_email": False, "agent_id": None}, 0.0)
    assert wanted.record.ignored == {"config": {"a": 1}}


@pytest.mark.parametrize(
    ("typo", "meant"), [("max_budgets", "max_budget"), ("keyalias", "key_alias"), ("model", "models")]
)
def test_a_field_that_nobody_has_is_refused_with_the_nearest_name(typo: str, meant: str) -> None:
    """An operator's typo is not a silent no."""
    with pytest.raises(InvalidRequest, match=f"perhaps '{meant}' is meant"):
        read_new_key({typo: 1}, 0.0)


@pytest.mark.parametrize(
    "body",
    [
        {"key_alias": {"$gt": ""}},
        {"key_alias": 5},
        {"key_alias": "a\x00b"},
        {"key_alias": "x" * 257},
        {"models": "gpt-4o"},
        {"models": [{"$ne": 1}]},
        {"models": [""]},
        {"user_id": ["a"]},
        {"metadata": "x"},
        {"metadata": {"guardrails": ["pii"]}},
        {"blocked": "true"},
        {"duration": 30},
        {"key": "sk-short"},
        {"key": "my-own-key-of-length"},
        {"key": "sk-with blank inside 1"},
        {"key": "sk-únicode-key-of-length"},
        {"key": "sk-" + "x" * 300},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(body: dict[str, Any]) -> None:
    """Query operators, wrong types and weak keys never get further; the error names the field."""
    with pytest.raises(InvalidRequest) as refused:
        read_new_key(body, 0.0)
    assert str(refused.value.param).startswith(next(iter(body)))


def test_names_are_free() -> None:
    """Unicode, operators' syntax and dots are data."""
    metadata = {"$where": 1, "__proto__": {"a.b": [None]}}
    wanted = read_new_key({"key_alias": "Ünï$cødé.名 / 1", "metadata": metadata, "models": ["a", "a"]}, 0.0)
    assert (wanted.record.key_alias, wanted.record.models) == ("Ünï$cødé.名 / 1", ("a",))
    # A wide space, a joined emoji, a Persian word with a joiner that has no width, a name in Hebrew with its mark.
    for name in ("田中\u3000太郎", "👩\u200d💻", "می\u200cخواهم", "\u200fשלום", "a\u00a0b"):
        assert Fields({"a": name}).text("a") == Fields({}).checked_name(name) == name
    for name in ("a\nb", "a\x00", "\x1f", "\x7f"):
        with pytest.raises(InvalidRequest, match="control characters"):
            Fields({"a": name}).text("a")
        with pytest.raises(InvalidRequest, match="control characters"):
            Fields({}).checked_name(name)
    assert wanted.record.metadata == metadata


def test_every_field_of_litellms_has_one_policy() -> None:
    """No field is both refused and kept; what Tollway has beside LiteLLM's 55 is named here."""
    names = list(KEY_FIELDS.names)
    own = {"allowed_addresses", "temp_budget_expiry", "temp_budget_increase", "wait_for_room"}
    assert len(names) == len(set(names)) == 55 + len(own)
    assert own <= set(names)


@given(value=json_values)
def test_only_what_is_empty_says_nothing(value: Any) -> None:
    """A number, a true and anything with content says something."""
    empty = value is None or value in ("", [], {}) if not isinstance(value, (bool, int, float)) else False
    assert says_nothing(value) is bool(empty)


def test_a_key_has_three_ids() -> None:
    """The key, its SHA-256 and its stored hash all lead to the stored hash; nothing else is an id."""
    key = "sk-0123456789abcdef"
    digest = key_digest(key)
    stored = stored_hash(digest, SECRET)
    assert stored_candidates(key, SECRET) == (stored,)
    assert stored in stored_candidates(digest, SECRET)
    assert stored in stored_candidates(stored, SECRET)
    for other in ("", "abc", digest.upper(), digest + "0", '{"$gt":""}'):
        with pytest.raises(InvalidRequest):
            stored_candidates(other, SECRET)
    assert shown_id(key) == "sk-...cdef"


def test_secrets_do_not_reach_the_audit() -> None:
    """They are masked by their names, at any depth; prices by the token are no secrets."""
    shape = {
        "input_cost_per_token": 1.0,
        "metadata": {"logging": [{"langfuse_secret_key": "x", "api_key": "y", "host": "z"}], "password": None},
    }
    assert without_secrets(shape) == {
        "input_cost_per_token": 1.0,
        "metadata": {"logging": [{"langfuse_secret_key": MASK, "api_key": MASK, "host": "z"}], "password": None},
    }


def test_a_body_has_one_reading() -> None:
    """A limit that stands twice is no limit that anybody meant, and nothing is nested beyond what can be shown."""
    with pytest.raises(InvalidRequest, match="twice") as caught:
        read_body(b'{"max_budget": 1, "models": [], "max_budget": 1000}')
    assert caught.value.param == "max_budget"
    for levels in (200, 600, 10_000):
        with pytest.raises(InvalidRequest, match="levels deep"):
            read_body(b'{"metadata":' + b'{"a":' * levels + b"1" + b"}" * (levels + 1))


@given(body=st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    """Nothing else is raised."""
    with suppress(InvalidRequest):
        assert isinstance(read_body(body), dict)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":1e999}', b'{"a":"\\ud800"}', b'"x"', b"\xff", b"{"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Deep nesting, absurd numbers and broken text are 400."""
    with pytest.raises(InvalidRequest):
        read_body(body)


def test_an_empty_body_asks_for_defaults_and_a_huge_one_is_refused() -> None:
    """The bound is far above any real request."""
    assert read_body(b" ") == {}
    with pytest.raises(BodyTooLarge):
        read_body(b" " * (MAX_BODY_BYTES + 1))


def test_a_query_says_each_thing_once() -> None:
    """Escapes are read once; a repeated name is refused."""
    assert read_query("key_alias=a%26b%2Bc+d&page=2&empty=") == {"key_alias": "a&b+c d", "page": "2", "empty": ""}
    for query in ("key=a&key=b", "key=%ff", "&".join(f"a{n}=1" for n in range(100))):
        with pytest.raises(InvalidRequest):
            read_query(query)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x", "", "²", "101", "9" * 400])
def test_a_count_in_a_query_is_bounded(value: str) -> None:
    """Pages and sizes are whole numbers within their bounds."""
    with pytest.raises(InvalidRequest):
        Fields({"size": value}).query_count("size", default=10, most=100)


def test_a_policy_names_fields_by_their_place() -> None:
    """An error in an inner object says where it stands."""
    with pytest.raises(InvalidRequest) as refused:
        FieldPolicy(frozenset({"a"}), {}, frozenset()).sort_out({"b": 1}, "litellm_params")
    assert refused.value.param == "litellm_params.b"


def test_null_and_absent_differ_in_an_update() -> None:
    """Absent leaves a field, null clears it, and a kept field of LiteLLM's obeys the same rule."""
    fields = Fields({"a": None, "b": "new"})
    assert [fields.updated(name, fields.text, "old") for name in "abc"] == ["", "new", "old"]
    policy = FieldPolicy(frozenset(), {}, frozenset({"x", "y", "z"}))
    assert policy.sort_out_update({"x": None, "y": 2}, {"x": 1, "y": 1, "z": 1}) == {"y": 2, "z": 1}


def test_names_in_a_path_are_read() -> None:
    """The value between the fixed parts counts, slashes and other odd characters included."""
    patterns = ("/key/regenerate", "/key/{key}/regenerate", "/{a}/of/{b}")
    assert read_path(patterns, "/key/regenerate") == {}
    assert read_path(patterns, "/key/a/b ü%/regenerate") == {"key": "a/b ü%"}
    assert read_path(patterns, "/x.y/of/z") == {"a": "x.y", "b": "z"}
    assert read_path(("/key/{key}",), "/other") == {}
