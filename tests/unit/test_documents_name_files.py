"""Documents name files; each must be there."""

import re

import pytest

from tollway.generate.__main__ import ROOT

DOCUMENTS = (
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/patterns.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/adr").glob("*.md")),
)

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#:]+)\)")
_TOP = re.compile(r"(services|shared|tollway|tests|docs|deploy|benchmarks|requirements|\.ci)/[\w./-]*")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_a_document_names_exists(name: str) -> None:
    """A path in code style, and a link to a file, lead somewhere."""
    text = (ROOT / name).read_text()
    named = {ROOT / path for path in _CODE.findall(text) if _TOP.fullmatch(path)}
    linked = {(ROOT / name).parent / path for path in _LINK.findall(text)}
    assert sorted(str(path) for path in named | linked if not path.exists()) == []
