"""What the OpenAPI document says of the management routes, held against what they answer: schemathesis asks."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.openapi import openapi
from tests.support.stack import Stack

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
PHASES = ("examples", "coverage", "fuzzing")
"""The document's own examples, every field at its bounds and with wrong types, and requests that are drawn."""

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "20"))
"""Requests that are drawn for each route; those of the other phases come on top, some 85 a route."""

SEED = int(os.environ.get("SCHEMA_SEED", "20261124"))
"""What is drawn follows from it; another one draws others."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that is asked anything."""
    with Stack(tmp_path_factory.mktemp("schema"), config={}) as running:
        yield running


@pytest.mark.timeout(900)
def test_every_answer_is_as_documented(stack: Stack, tmp_path: Path) -> None:
    """Whatever fits the document, or nearly does, is answered with a documented status and body, never a 5xx.

    Its own command asks, twice at a time with half of the paths each, which takes half as long as once. More threads of
    one command would do the same, and fall over each other in CPython 3.11's `ast.parse` now and then. What it says of
    a failure holds the seed, and the curl line that repeats the request.
    """
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi()))
    paths = sorted({operation.split(" ")[1] for operation in managed()})
    halves = [paths[::2], paths[1::2]]
    with ThreadPoolExecutor(len(halves)) as pool:
        answers = list(pool.map(lambda half: ask(document, stack, half), halves))
    for asked in answers:
        assert asked.returncode == 0, f"SCHEMA_SEED={SEED}\n{asked.stdout}\n{asked.stderr}"
    selected = [re.search(r" (\d+) selected / ", asked.stdout) for asked in answers]
    assert sum(int(found[1]) for found in selected if found) == len(managed())


def ask(document: Path, stack: Stack, paths: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Have schemathesis ask for these paths of the document."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", str(document), "--no-color"]
    command += ["--url", stack.url, "--header", f"Authorization: {stack.headers()['Authorization']}"]
    command += ["--checks", ",".join(CHECKS), "--phases", ",".join(PHASES)]
    command += ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none"]
    command += ["--workers", "1", "--request-timeout", "60", "--continue-on-failure", "--no-shrink"]
    command += ["--warnings", "off", *(part for path in paths for part in ("--include-path", path))]
    return subprocess.run(command, check=False, cwd=document.parent, capture_output=True, text=True, timeout=840)


def managed() -> list[str]:
    """Return the management routes of the document."""
    return [
        f"{method} {path}"
        for path, operations in openapi()["paths"].items()
        for method, operation in operations.items()
        if "Management" in operation.get("tags", ())
    ]
