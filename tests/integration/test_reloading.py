"""What `tollway up` says of a configuration file that cannot be applied, or that came after the start."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.managing import Management
from tests.support.stack import Stack
from tollway.stack.errors import StackError
from tollway.stack.rotation import rotate

ORPHAN = """\
budgets:
  - {budget_id: tier, max_budget: 5}
keys:
  - key_alias: ci
    key: sk-declared-for-nobody
    team_id: nowhere
"""
"""Line 6 names a team that there is not."""

WARNING = "There is no team 'nowhere', to which the key 'ci' refers."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests here, started without a file in its working folder."""
    with Stack(tmp_path_factory.mktemp("reloading")) as running:
        yield running


def file_of(stack: Stack) -> Path:
    """Return where `tollway up` looks for a file by itself."""
    return stack.folder / "tollway.yaml"


def after_sighup(stack: Stack, words: str) -> str:
    """Send SIGHUP; return all that is printed from then on, once it has these words."""
    before = len(stack.said())
    stack.send(signal.SIGHUP)
    end = time.monotonic() + 120
    while words not in stack.said()[before:]:
        assert time.monotonic() < end, stack.said()
        time.sleep(0.05)
    return stack.said()[before:].strip()


async def shown(stack: Stack) -> tuple[int, str, list[float]]:
    """Return readiness' status, what it says of declared objects, and the metric of refusals by each admin."""
    async with aiohttp.ClientSession(stack.url) as http:
        async with http.get("/health/readiness") as response:
            said = response.status, (await response.json())["declarations"]
        async with http.get("/metrics") as response:
            lines = (await response.text()).splitlines()
    return *said, [float(line.split()[-1]) for line in lines if line.startswith("tollway_declarations_refused{")]


async def until_shown(stack: Stack, state: str, refused: float) -> None:
    """Wait until readiness and the metric say this of declared objects, while requests are served."""
    end = time.monotonic() + 90
    while (found := await shown(stack)) != (200, state, [refused]):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)


async def test_a_start_without_a_file_has_nothing_to_refuse(stack: Stack) -> None:
    """No warning is printed, and readiness says that all is applied."""
    assert "WARNING" not in stack.said()
    await until_shown(stack, "applied", 0.0)


def test_sighup_with_a_wrong_file_is_one_sentence_and_changes_nothing(stack: Stack) -> None:
    """The file came after the start, and is wrong twice: the first line is told, also to those who need a restart."""
    before = stack.run_facts()["pids"]
    file_of(stack).write_text("servr: {}\nbudgets:\n  - {budget_id: x, max_budgett: 1}\n")
    said = after_sighup(stack, "\n")
    assert said == (
        f"Nothing was restarted or changed, since the configuration is wrong: {file_of(stack)}:1: 'servr' is not a "
        "setting. Did you mean 'server'? (1 more; 'tollway check' lists them)."
    )
    with pytest.raises(
        StackError, match=r"Nothing was restarted or changed.*:1: 'servr'.* Correct it and run this again"
    ):
        rotate(stack.data_dir, {})
    assert stack.run_facts()["pids"] == before


async def test_a_file_that_came_later_is_taken_up_and_its_refusal_is_said(stack: Stack) -> None:
    """By SIGHUP: everything serves on with what was stored; the line is told, and readiness and a metric show it."""
    file_of(stack).write_text(ORPHAN)
    said = after_sighup(stack, "POST /config/reload.")
    assert f"{file_of(stack)} is new and taken up" in said
    assert "All services were restarted." in said
    assert f"was applied; what was stored before goes on. Reason: {file_of(stack)}:6: {WARNING} Correct it" in said
    await until_shown(stack, "refused", 1.0)
    async with Management(stack) as management:
        refused = await management.post("/config/reload")
        assert refused.status == 400
        assert refused.message == f"The configuration file was not applied. {file_of(stack)}:6: {WARNING}"
        file_of(stack).write_text(ORPHAN.replace("    team_id: nowhere\n", ""))
        applied = await management.post("/config/reload")
        assert (applied.status, len(applied.body["changes"])) == (200, 2), applied.text
    await until_shown(stack, "applied", 0.0)


def test_a_start_whose_declarations_are_refused_says_so(tmp_path: Path) -> None:
    """After the lines that say it is ready, which it is."""
    stack = Stack(tmp_path)
    file_of(stack).write_text(ORPHAN)
    with stack:
        ready, _, after = stack.said().partition("Tollway is ready")
        assert "WARNING" not in ready
        assert f"Reason: {file_of(stack)}:6: {WARNING}" in after
