"""What the embedded store's process finds before WiredTiger's own packing: the same bytes, and the same columns."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tollway.stack.embedded import packing
from tollway.stack.servers import EMBEDDED, store_environment

FORMATS = ("S", "SS", "SSS", "SSu", "SSSu", "SSq", "q", "u")
"""Those of the store's tables (`storage.py` of `secantusdb`), and of WiredTiger's own table of tables."""

INTEGERS = st.integers(-(2**63), 2**63 - 1)
COLUMN = {"S": st.text(st.characters(exclude_categories=("Cs",))), "u": st.binary(), "q": INTEGERS}
EDGES = (0, 63, 64, 8255, 8256, 8257, 8511, 8512, 2**63 - 1, -1, -64, -65, -8256, -8257, -8512, -(2**63))


@pytest.fixture(scope="module")
def original() -> Iterator[Any]:
    """WiredTiger's own module, which is in the public domain, without the program that it belongs to."""
    spec = find_spec("wiredtiger")
    assert spec is not None
    before = set(sys.modules)
    package = ModuleType("wiredtiger")
    package.__spec__ = spec
    package.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["wiredtiger"] = package
    try:
        yield importlib.import_module("wiredtiger.packing")
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


@st.composite
def rows(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """A format, and a value for each of its columns."""
    fmt = draw(st.sampled_from(FORMATS))
    return fmt, [draw(COLUMN[kind]) for kind in fmt]


@given(rows())
def test_columns_become_the_bytes_that_wiredtiger_makes_of_them(original: Any, row: tuple[str, list[Any]]) -> None:
    """A store that was written without this module reads what was written with it, and the other way round."""
    fmt, values = row
    packed = original.pack(fmt, *values)
    assert packing.pack(fmt, *values) == packed
    assert packing.unpack(fmt, packed) == list(original.unpack(fmt, packed))


@pytest.mark.parametrize("value", EDGES)
def test_integers_at_the_edges_of_their_lengths_are_as_wiredtiger_writes_them(original: Any, value: int) -> None:
    """Each length of an integer begins and ends at the same number."""
    packed = original.pack("SSq", "tollway", "keys", value)
    assert packing.pack("SSq", "tollway", "keys", value) == packed
    assert packing.unpack("SSq", packed) == ["tollway", "keys", value]


@given(INTEGERS, INTEGERS)
@example(-8257, -8256)
def test_integers_stand_in_the_order_of_their_bytes(first: int, second: int) -> None:
    """Documents are read in the order in which they were written."""
    assert (packing.pack_int(first) < packing.pack_int(second)) == (first < second)


def test_keys_of_collections_in_turns_are_told_apart() -> None:
    """What is remembered of the last document's collection says nothing about the next one's."""
    keys = [["a", "b", 7], ["a", "bc", 7], ["", "", 70_000], ["ab", "c", -7], ["a", "b", 70_000]]
    assert [packing.unpack("SSq", packing.pack("SSq", *key)) for key in keys] == keys


def test_nothing_is_one_empty_column() -> None:
    """A value of no bytes may come as none at all."""
    assert packing.unpack("u", None) == [b""]


@pytest.mark.parametrize("fmt", ["uS", "SqS", "r", "10s"])
def test_a_format_that_the_store_does_not_have_is_refused(fmt: str) -> None:
    """A newer store that has other tables fails at once, rather than write something wrong."""
    with pytest.raises(ValueError, match=fmt):
        packing.pack(fmt, "a", "b")


def test_the_store_s_process_finds_it_first(tmp_path: Path) -> None:
    """It stands before WiredTiger's own module, and after it what the operator's `PYTHONPATH` names."""
    env = store_environment({"PYTHONPATH": str(tmp_path)})
    code = "import packing, sys; print(packing.__file__); print(sys.path)"
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    found, path = said.splitlines()
    assert Path(found) == EMBEDDED / "packing.py"
    assert str(tmp_path) in path
    spec = find_spec("wiredtiger")
    assert spec is not None
    assert spec.origin is not None
    asks = Path(spec.origin).with_name("swig_wiredtiger.py").read_text()
    assert "\nfrom packing import pack, unpack\n" in asks
