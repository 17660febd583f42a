"""Teams, users and organizations over HTTP: a change counts for the next request of their keys."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.support.stack import Stack

CHAT = {"model": "demo", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}


class Api:
    """Plain HTTP with a key."""

    def __init__(self, http: aiohttp.ClientSession, stack: Stack) -> None:
        self._http = http
        self._stack = stack

    async def ask(self, method: str, path: str, body: Any = None, *, key: str = "", **query: str) -> tuple[int, Any]:
        """Return status and answer."""
        headers = self._stack.headers(key or None)
        async with self._http.request(method, path, json=body, headers=headers, params=query) as response:
            return response.status, await response.json()

    async def made(self, path: str, **body: Any) -> Any:
        """Ask as the master key for something that must succeed."""
        status, answer = await self.ask("POST", path, body)
        assert status == 200, answer
        return answer

    async def chat(self, key: str) -> int:
        """Return the status of a chat."""
        return (await self.ask("POST", "/v1/chat/completions", CHAT, key=key))[0]


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    """Ask a stack."""
    async with aiohttp.ClientSession(stack.url, timeout=aiohttp.ClientTimeout(total=30)) as http:
        yield Api(http, stack)


async def test_a_teams_change_counts_for_its_keys_at_once(api: Api) -> None:
    """Models that are taken, a block, and the end of the team."""
    await api.made("/team/new", team_id="g/1", models=["demo"])
    key = (await api.made("/key/generate", team_id="g/1"))["key"]
    assert await api.chat(key) == 200
    await api.made("/team/update", team_id="g/1", models=["other"])
    assert await api.chat(key) == 403
    status, answer = await api.ask("PATCH", f"/team/{quote('g/1', safe='')}", {"models": ["demo"]})
    assert (status, answer["models"]) == (200, ["demo"])
    assert await api.chat(key) == 200
    await api.made("/team/block", team_id="g/1")
    assert await api.chat(key) == 403
    await api.made("/team/unblock", team_id="g/1")
    assert await api.chat(key) == 200
    assert (await api.made("/team/delete", team_ids=["g/1"]))["deleted_keys"]
    assert await api.chat(key) == 401


async def test_a_user_manages_what_a_membership_lets_it(api: Api) -> None:
    """The role comes from the user and the membership, with the user's own key."""
    await api.made("/team/new", team_id="g2")
    made = await api.made("/user/new", user_id="g-lead", user_role="internal_user")
    key = made["key"]
    change = {"team_id": "g2", "team_alias": "Mine"}
    assert (await api.ask("POST", "/team/update", change, key=key))[0] == 403
    await api.made("/team/member_add", team_id="g2", member={"role": "admin", "user_id": "g-lead"})
    assert (await api.ask("POST", "/team/update", change, key=key))[0] == 200
    assert [team["team_id"] for team in (await api.ask("GET", "/team/list", key=key))[1]] == ["g2"]
    assert (await api.ask("GET", "/team/g2/members/me", key=key))[1]["role"] == "admin"
    assert (await api.ask("GET", "/user/info", key=key))[1]["user_id"] == "g-lead"
    for path in ("/user/list", "/organization/info"):
        assert (await api.ask("GET", path, key=key, organization_id="o"))[0] in (400, 403)
    await api.made("/team/member_update", team_id="g2", user_id="g-lead", role="user")
    assert (await api.ask("POST", "/team/update", change, key=key))[0] == 403
    await api.made("/user/delete", user_ids=["g-lead"])
    assert await api.chat(key) == 401


async def test_an_organization_is_changed_by_litellms_methods(api: Api) -> None:
    """PATCH and DELETE carry bodies; its keys stop when it is deleted."""
    await api.made("/organization/new", organization_id="g-org", organization_alias="O")
    await api.made("/team/new", team_id="g3", organization_id="g-org")
    key = (await api.made("/key/generate", team_id="g3"))["key"]
    member = {"organization_id": "g-org", "member": {"role": "internal_user", "user_email": "g@example.com"}}
    user = (await api.made("/organization/member_add", **member))["updated_users"][0]["user_id"]
    named = {"organization_id": "g-org", "user_id": user}
    status, answer = await api.ask("PATCH", "/organization/member_update", {**named, "role": "org_admin"})
    assert (status, answer["user_role"]) == (200, "org_admin")
    assert (await api.ask("DELETE", "/organization/member_delete", named))[0] == 200
    status, answer = await api.ask("PATCH", "/organization/update", {"organization_id": "g-org", "models": ["other"]})
    assert (status, answer["models"]) == (200, ["other"])
    assert await api.chat(key) == 403
    status, answer = await api.ask("DELETE", "/organization/delete", {"organization_ids": ["g-org"]})
    assert (status, answer[0]["deleted_teams"]) == (200, ["g3"])
    assert await api.chat(key) == 401


async def test_a_members_budget_refuses_it_and_nobody_else(api: Api) -> None:
    """What a member may spend within its team holds on all of its keys there."""
    await api.made("/team/new", team_id="g4")
    for user in ("g-a", "g-b"):
        await api.made("/user/new", user_id=user, auto_create_key=False)
        await api.made("/team/member_add", team_id="g4", member={"role": "user", "user_id": user})
    await api.made("/team/member_update", team_id="g4", user_id="g-a", max_budget_in_team=0)
    keys = [(await api.made("/key/generate", team_id="g4", user_id=user))["key"] for user in ("g-a", "g-b")]
    status, answer = await api.ask("POST", "/v1/chat/completions", CHAT, key=keys[0])
    assert (status, answer["error"]["type"]) == (400, "budget_exceeded")
    assert await api.chat(keys[1]) == 200
