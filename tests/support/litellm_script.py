"""What LiteLLM's own Python client does with a gateway; run by LiteLLM's interpreter, prints what came back as JSON.

Usage: litellm_script.py URL KEY
"""

import json
import sys
from typing import Any

from litellm.proxy.client import Client, UsersManagementClient  # type: ignore[import-not-found]


def main(url: str, key: str) -> dict[str, Any]:
    """Manage users, teams, keys, models and credentials by every method of the client that Tollway has a route for."""
    client, users = Client(url, key), UsersManagementClient(url, key)
    found: dict[str, Any] = {}
    found["user"] = users.create_user(
        {"user_email": "ada@example.com", "user_role": "internal_user", "user_id": "ada", "max_budget": 5}
    )
    client.http.request("POST", "/team/new", json={"team_id": "research", "team_alias": "Research", "models": ["demo"]})
    found["member"] = client.http.request(
        "POST", "/team/member_add", json={"team_id": "research", "member": {"user_id": "ada", "role": "admin"}}
    )
    found["users"] = users.list_users({"user_email": "ada@"})
    found["user_info"] = users.get_user("ada")
    found["user_info_v2"] = users.get_user_v2("ada")
    found["teams"] = client.teams.list(user_id="ada")
    found["teams_v2"] = client.teams.list_v2(team_alias="resea", sort_by="team_alias")
    found["available"] = client.teams.get_available()
    found["own_teams"] = Client(url, found["user"]["key"]).teams.list()
    found["key"] = client.keys.generate(
        models=["demo"], duration="24h", key_alias="first", team_id="research", user_id="ada", aliases={"quick": "demo"}
    )
    found["key_info"] = client.keys.info(found["key"]["key"])
    found["key_update"] = client.keys.update(found["key"]["key"], key_alias="second")
    found["keys"] = client.keys.list(team_id="research", return_full_object=True)
    found["chat"] = Client(url, found["key"]["key"]).chat.completions("quick", [{"role": "user", "content": "Hello"}])
    found["model"] = client.models.new("mine", {"model": "demo/demo"}, {"id": "mine-1"})
    found["model_update"] = client.models.update("mine-1", {"model": "demo/demo", "rpm": 5})
    found["models"] = client.models.list()
    found["model_info"] = client.models.info()
    found["groups"] = client.model_groups.info()
    found["model_delete"] = client.models.delete("mine-1")
    client.credentials.create("vendor", {}, {"api_key": "sk-vendor"})
    found["credentials"] = client.credentials.list()
    found["credential_delete"] = client.credentials.delete("vendor")
    found["key_delete"] = client.keys.delete(keys=[found["key"]["key"]])
    found["user_delete"] = users.delete_user(["ada"])
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2])))
