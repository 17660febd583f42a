"""nats-server's configuration, written from the table of permissions."""

import json
from pathlib import Path

from tollway.stack.permissions import permissions

REPLY_SECONDS = 30
"""So long may a service answer to the reply subject of a message that it got."""


def nats_config(*, port: int, store: Path, passwords: dict[str, str], host: str = "127.0.0.1") -> str:
    """Return the configuration: loopback only, JetStream on file, each write synced before it is acknowledged."""
    users = ",\n".join(_user(name, passwords[name]) for name in permissions())
    return f"""\
listen: "{host}:{port}"
server_name: "tollway"
max_payload: 1MB
write_deadline: "10s"
jetstream {{
  store_dir: {json.dumps(str(store))}
  sync_interval: always
}}
authorization {{
  users: [
{users}
  ]
}}
"""


def _user(name: str, password: str) -> str:
    allowed = permissions()[name]
    answers = f'\n        allow_responses: {{ max: 1, expires: "{REPLY_SECONDS}s" }}' if allowed.answers else ""
    return f"""\
    {{
      user: {json.dumps(name)}, password: {json.dumps(password)}
      permissions: {{
        publish: {{ allow: {json.dumps(allowed.publish)} }}
        subscribe: {{ allow: {json.dumps(allowed.subscribe)} }}{answers}
      }}
    }}"""
