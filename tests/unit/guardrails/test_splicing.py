"""Single values of a document change, nothing else does."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.guardrails.domain.places import Path
from services.guardrails.domain.splicing import splice

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def values(document: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Return every value of a document with its path."""
    found = [(path, document)]
    if isinstance(document, dict):
        for name, inner in document.items():
            found += values(inner, (*path, name))
    elif isinstance(document, list):
        for index, inner in enumerate(document):
            found += values(inner, (*path, index))
    return found


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]), st.data())
def test_an_edit_changes_the_value_at_its_path(document: Any, ascii: bool, indent: int | None, data: Any) -> None:
    """Whatever the path, the rest reads as before, and what is edited is the value as it was written."""
    path, value = data.draw(st.sampled_from(values(document)))
    seen: list[str] = []

    def edit(raw: str) -> str:
        seen.append(raw)
        return '"edited"'

    written = json.dumps(document, ensure_ascii=ascii, indent=indent)
    spliced = splice(written, {path: edit})
    assert [json.loads(raw) for raw in seen] == [value]
    assert written.replace(seen[0], '"edited"') == spliced or spliced.count('"edited"') >= 1
    expected = dict(values(document))
    found = dict(values(json.loads(spliced)))
    assert found[path] == "edited"
    assert {key: inner for key, inner in found.items() if not _related(key, path)} == {
        key: inner for key, inner in expected.items() if not _related(key, path)
    }


def _related(key: Path, path: Path) -> bool:
    shorter = min(len(key), len(path))
    return key[:shorter] == path[:shorter]


def test_what_is_not_edited_keeps_its_bytes() -> None:
    """Numbers, spaces, escapes and the order of names stay."""
    document = '{ "z":1.10, "a" : [1e400,{"t":"x\\u0041","n":12345678901234567890.5} ] ,"t":"\\/"}'
    spliced = splice(document, {("a", 1, "t"): lambda _: '"y"'})
    assert spliced == document.replace('"x\\u0041"', '"y"')


def test_names_are_compared_by_what_they_say() -> None:
    """An escaped name is found."""
    assert splice('{"\\u0061":"x"}', {("a",): lambda _: '"y"'}) == '{"\\u0061":"y"}'
