"""`python -m tollway.generate [--check]`: write the generated documents, or say which no longer fit the code."""

import argparse
import json
import sys
from pathlib import Path

from tollway.generate.compatibility import incompatibilities
from tollway.generate.documents import MESSAGE_FOLDER, documents
from tollway.generate.messages import message_schemas

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Return 0 when all is well, 1 when a document drifted or a message became incompatible."""
    parser = argparse.ArgumentParser(prog="python -m tollway.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document would change")
    parser.add_argument(
        "--break-messages", action="store_true", help="write message schemas that workers of today cannot read"
    )
    options = parser.parse_args(arguments)
    broken = [] if options.break_messages else incompatibilities(committed_messages(root), message_schemas())
    if broken:
        return _fail("Messages may only gain optional fields (--break-messages writes them all the same):", broken)
    made = documents()
    drifted = [path for path, text in made.items() if _differs(root / path, text)]
    stale = [path for path in _committed(root) if path not in made]
    if options.check:
        changed = [f"{path} does not say what the code does." for path in drifted]
        changed += [f"{path} describes nothing that exists." for path in stale]
        return _fail("Generated documents have drifted; run 'make generate':", changed) if changed else 0
    for path in drifted:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(made[path])
        print(f"wrote {path}")
    for path in stale:
        (root / path).unlink()
        print(f"removed {path}")
    return 0


def committed_messages(root: Path) -> dict[str, dict[str, object]]:
    """Return the message schemas that lie in the tree, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((root / MESSAGE_FOLDER).glob("*.json"))}


def _committed(root: Path) -> list[Path]:
    return [path.relative_to(root) for path in sorted((root / MESSAGE_FOLDER).glob("*.json"))]


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text() != text


def _fail(heading: str, sentences: list[str]) -> int:
    print(heading, *(f"  {sentence}" for sentence in sentences), sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
