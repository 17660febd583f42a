"""LiteLLM's own Python client and command line, unchanged, in an environment of their own, manage a stack here."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import install
from shared.routes import ROUTES
from tests.support.stack import ROOT, Stack

SUPPORT = ROOT / "tests" / "support"
CALL_SECONDS = 400.0

Command = Callable[..., Awaitable[str]]

CALLED = re.compile(r"""base_url\}(/[a-z_][\w/{}.-]*)|["'](/[a-z.][\w.-]*/[\w/{}.-]+)["']""")
"""A path in the client's sources: behind the address, or a text of its own with two parts."""
NO_CALLS = {"/dev/tty", "/some/path"}
HEALTH = {"/health/readiness", "/health/liveliness"}

pytestmark = pytest.mark.timeout(1500)
"""LiteLLM is installed once per machine, which takes minutes."""


class LiteLLM:
    """The client's programs, told nothing but where the gateway is and a key."""

    def __init__(self, stack: Stack, home: Path, bin: Path) -> None:
        self._stack = stack
        self._home = home
        self.bin = bin
        """Where its programs are."""

    async def script(self) -> dict[str, Any]:
        """Run the Python client through everything it can do."""
        program = SUPPORT / "litellm_script.py"
        output = await self._run("python", str(program), self._stack.url, self._stack.master_key)
        return dict(json.loads(output.splitlines()[-1]))

    async def program(self, *arguments: str) -> str:
        """Run the command line as its users do, and return what it printed."""
        return await self._run("lite", *self._address, *arguments)

    @asynccontextmanager
    async def command_line(self) -> AsyncIterator[Command]:
        """Run many commands in one process; each one's arguments are given to what is yielded."""
        process = await self._start("python", str(SUPPORT / "litellm_commands.py"))
        assert process.stdin is not None
        assert process.stdout is not None
        said, told = process.stdin, process.stdout

        async def command(*arguments: str) -> str:
            said.write(json.dumps([*self._address, *arguments]).encode() + b"\n")
            done = json.loads(await asyncio.wait_for(told.readline(), CALL_SECONDS))
            assert done["code"] == 0, f"{arguments} said {done['all']}"
            return str(done["printed"])

        try:
            yield command
        finally:
            process.kill()
            await process.wait()

    @property
    def _address(self) -> tuple[str, ...]:
        return ("--base-url", self._stack.url, "--api-key", self._stack.master_key)

    async def _start(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "COLUMNS": "300",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        return await asyncio.create_subprocess_exec(
            str(self.bin / program),
            *arguments,
            env=env,
            cwd=self._home,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**24,
        )

    async def _run(self, program: str, *arguments: str) -> str:
        process = await self._start(program, *arguments)
        output, errors = await asyncio.wait_for(process.communicate(), CALL_SECONDS)
        assert process.returncode == 0, f"{program} {arguments[4:]} said {output.decode()} {errors.decode()}"
        return output.decode()


@pytest.fixture
async def litellm(stack: Stack, tmp_path: Path) -> LiteLLM:
    """LiteLLM beside a stack."""
    return LiteLLM(stack, tmp_path, (await install()).parent)


async def test_the_python_client_manages_users_teams_keys_and_models(litellm: LiteLLM) -> None:
    """Each of its methods gets what it expects."""
    found = await litellm.script()
    assert found["user"]["key"].startswith("sk-")
    assert [user["user_id"] for user in found["users"]] == ["ada"]
    assert found["user_info"]["user_info"]["max_budget"] == 5.0
    assert found["user_info_v2"]["teams"] == ["research"]
    assert found["member"]["updated_users"][0]["user_email"] == "ada@example.com"
    for teams in (found["teams"], found["teams_v2"]["teams"], found["own_teams"]):
        assert [team["team_id"] for team in teams] == ["research"]
    assert found["available"] == []
    assert found["key_info"]["info"]["team_id"] == "research"
    assert found["key_update"]["key_alias"] == "second"
    assert [key["key_alias"] for key in found["keys"]["keys"]] == ["second"]
    assert found["chat"]["choices"][0]["message"]["content"]
    assert {"demo", "mine"} <= {model["id"] for model in found["models"]}
    assert "mine-1" in {model["model_info"]["id"] for model in found["model_info"]}
    assert "mine" in {group["model_group"] for group in found["groups"]}
    assert "sk-vendor" not in json.dumps(found["credentials"])
    assert found["key_delete"]["deleted_keys"]
    assert found["user_delete"]["deleted_users"] == ["ada"]


async def test_the_command_line_manages_users_teams_keys_and_models(litellm: LiteLLM) -> None:
    """Its tables and its JSON show what is there."""
    async with litellm.command_line() as lite:
        made = json.loads(await lite("users", "create", "--email", "bob@example.com", "--max-budget", "3"))
        assert "bob@example.com" in await lite("users", "list")
        info = json.loads(await lite("users", "get", "--id", made["user_id"]))
        assert info["user_info"]["user_role"] == "internal_user"
        key = json.loads(
            await lite("keys", "generate", "--user-id", made["user_id"], "--key-alias", "bobs", "--duration", "1h")
        )
        assert "bobs" in await lite("keys", "list", "--user-id", made["user_id"])
        assert "demo" in await litellm.program("models", "list")
        await lite("models", "add", "theirs", "-p", "model=demo/demo", "-i", "id=theirs-1")
        assert "theirs" in await lite("models", "info")
        await lite("models", "delete", "theirs-1")
        await lite("keys", "delete", "--keys", key["key"])
        assert made["user_id"] in await lite("users", "delete", made["user_id"])


async def test_every_route_that_it_calls_is_here_or_listed(litellm: LiteLLM) -> None:
    """Read out of its sources: what is no route of ours stands in the list of what differs."""
    [client] = litellm.bin.parent.glob("lib/python*/site-packages/litellm/proxy/client")
    sources = [path.read_text() for path in client.rglob("*.py")]
    called = {fixed(one or other) for text in sources for one, other in CALLED.findall(text)} - NO_CALLS - HEALTH
    missing = called - {fixed(path) for route in ROUTES.values() for path in route.paths}
    section = (ROOT / "docs" / "compatibility.md").read_text().split("## LiteLLM's own client")[1]
    listed = tuple(re.findall(r"`(/[^`]+)`", section))
    assert {path for path in missing if not path.startswith(listed)} == set()
    assert {"/key/generate", "/v1/model/info", "/credentials/by_name"} <= called - missing
    assert "/sso/cli/start" in missing


def fixed(path: str) -> str:
    """Return what of a path stands before the first name in it."""
    return path.partition("{")[0].rstrip("/.")
