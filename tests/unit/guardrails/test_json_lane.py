"""Tool arguments in pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.domain.guardrail import Blocked
from services.guardrails.domain.json_lane import JsonLane
from services.guardrails.domain.json_text import rewrite_json, texts_in
from tests.unit.guardrails.making import banned, cuts, masking

TEXTS = st.lists(st.sampled_from(["SECRET", "SEC", "RET", "é", "😀", "\n", '"', "\\", "x "]), max_size=6).map("".join)
ARGUMENTS = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def passed(lane: JsonLane, pieces: list[str]) -> str:
    """Return all that comes out."""
    return "".join([lane.feed(piece) for piece in pieces]) + lane.finish()


@given(ARGUMENTS, st.booleans(), st.data())
def test_arguments_in_any_pieces_are_what_whole_ones_are(arguments: Any, ascii: bool, data: st.DataObject) -> None:
    """Strings are masked by what they say; the result is JSON and equals that of the whole text."""
    written = json.dumps(arguments, ensure_ascii=ascii)
    guardrail = masking("SECRET", replacement='<"\n>')
    out = passed(JsonLane([guardrail]), data.draw(cuts(written)))
    assert json.loads(out) == json.loads(rewrite_json(written, [guardrail]))
    assert "SECRET" not in out
    if "SECRET" not in written:
        assert out == written


@given(st.text('"\\u{}[]:, abdSECRET83dcf/n', max_size=60), st.data())
def test_what_is_no_json_passes_whole_where_nothing_is_found(text: str, data: st.DataObject) -> None:
    """Models write what they like; nothing is lost of it."""
    assert passed(JsonLane([masking("SECRET#")]), data.draw(cuts(text))) == text


@pytest.mark.parametrize(
    "written",
    ['{"a":"\\u0062omb"}', '{"a":"x\\nbomb"}', '{"bomb":1}', "{bomb}", '{"a":"bomb', "bomb", '["\\"bomb\\""]'],
)
def test_a_banned_word_is_found_however_it_is_written(written: str) -> None:
    """Escapes, names, cut strings and what stands outside of strings are looked at, character by character."""
    with pytest.raises(Blocked):
        passed(JsonLane([banned("bomb")]), list(written))


def test_a_number_that_is_masked_becomes_a_string() -> None:
    """The arguments stay JSON, however they are cut."""
    out = passed(JsonLane([masking(r"\b\d{11}\b", replacement="#")]), list('{"phone": 15551234567 }'))
    assert out == '{"phone": "#" }'


def test_a_character_of_two_escapes_is_one() -> None:
    """However it is cut, it is read as the character that it is."""
    for written in (['"\\ud83d\\ude00!"'], list('"\\ud83d\\ude00!"')):
        assert passed(JsonLane([masking("😀!", replacement="#")]), written) == '"#"'


def test_a_large_piece_of_escapes_takes_no_long_time() -> None:
    """The work grows with the text, not with its square."""
    text = '{"a":"' + "\\n" * 100_000 + '"}'
    assert JsonLane([masking("SECRET")]).feed(text) == text


@pytest.mark.parametrize("end", ["", "\\", "bomb"])
def test_a_string_that_never_ends_is_one_text(end: str) -> None:
    """It is judged whole, and takes no long time, however many quotes stand in it."""
    text = '{"a":"' + '\\"' * 100_000 + end
    assert rewrite_json(text, [masking("SECRET")]) == text
    assert texts_in(text)[-1].endswith(end)
    if end == "bomb":
        with pytest.raises(Blocked):
            rewrite_json(text, [banned("bomb")])
