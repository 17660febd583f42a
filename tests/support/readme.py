"""The code blocks of README.md, as a reader would paste them."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "127.0.0.1:4000"
"""The address that the blocks name."""


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, in their order; the plain ones for an empty name."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]
