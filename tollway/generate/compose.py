"""nats-server's configuration for docker-compose: the one-machine stack's users, passwords by environment."""

import re
from pathlib import Path

from tollway.stack.nats_config import nats_config
from tollway.stack.permissions import USERS

HEADING = """\
# Generated from tollway/stack/permissions.py; `make generate` writes it.
http: "127.0.0.1:8222"
"""

_REFERENCE = re.compile(r'"(\$NATS_PASSWORD_[A-Z]+)"')


def password_variable(user: str) -> str:
    """Return the environment variable that holds a user's password."""
    return f"NATS_PASSWORD_{user.upper()}"


def compose_nats_config() -> str:
    """Return the configuration; a reference to a variable stands without quotes, as nats-server wants it."""
    passwords = {user: f"${password_variable(user)}" for user in USERS}
    written = nats_config(host="0.0.0.0", port=4222, store=Path("/data"), passwords=passwords)
    return HEADING + _REFERENCE.sub(r"\1", written)
