"""What each process of the stack is told by its environment: the secrets of its role, and no other's."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from shared.settings.providers import PROVIDER_VARIABLES, provider_keys
from shared.settings.roles import role_of
from tollway.stack.secrets import Secrets

OWN = (
    "NATS_URL", "NATS_USER", "NATS_PASSWORD", "MONGODB_URL", "TOLLWAY_MASTER_KEY", "TOLLWAY_MASTER_KEY_SHA256",
    "TOLLWAY_SECRET", "TOLLWAY_ENCRYPTION_KEY", "TOLLWAY_DEMO_URL", "TOLLWAY_DEMO_KEY", "TOLLWAY_CONFIG",
    "TOLLWAY_DATA_DIR", "TOLLWAY_LISTEN_FD", "TOLLWAY_READY_FD", "TOLLWAY_PROVIDERS",
)  # fmt: skip
"""Variables that a process gets only if it is given them here."""


@dataclass(frozen=True)
class Surroundings:
    """Where everything is in this run."""

    nats_url: str
    mongodb_url: str
    data_dir: Path
    config: Path | None
    demo_url: str | None
    listen_fd: int
    own_nats: bool
    """True when the stack started nats-server, so that each service has a user of its own."""


def plain(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without anything that only some roles may know."""
    return {name: value for name, value in env.items() if name not in OWN and name not in PROVIDER_VARIABLES}


def nats_login(user: str, around: Surroundings, secrets: Secrets, env: Mapping[str, str]) -> dict[str, str]:
    """Return how a user of the stack connects to NATS."""
    login = {"NATS_URL": around.nats_url}
    if around.own_nats:
        return login | {"NATS_USER": user, "NATS_PASSWORD": secrets.nats_passwords[user]}
    return login | {name: env[name] for name in ("NATS_USER", "NATS_PASSWORD") if name in env}


def service_environment(service: str, around: Surroundings, secrets: Secrets, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of one service."""
    role = role_of(service)
    told = plain(env) | nats_login(service, around, secrets, env)
    told["TOLLWAY_DATA_DIR"] = str(around.data_dir)
    if around.config is not None:
        told["TOLLWAY_CONFIG"] = str(around.config)
    if role.store:
        told["MONGODB_URL"] = around.mongodb_url
    if role.master_key:
        told["TOLLWAY_MASTER_KEY_SHA256"] = sha256(secrets.master_key.encode()).hexdigest()
    if role.key_secret:
        told["TOLLWAY_SECRET"] = secrets.secret
    if role.encryption_key:
        told["TOLLWAY_ENCRYPTION_KEY"] = secrets.encryption_key
    if around.demo_url is not None:
        told["TOLLWAY_DEMO_URL"] = around.demo_url
        if role.provider_keys:
            told["TOLLWAY_DEMO_KEY"] = secrets.demo_key
    if role.provider_keys:
        told |= {name: env[name] for name in PROVIDER_VARIABLES if name in env}
    if service == "admin":
        # Their names, without a key: so it knows which models exist.
        told["TOLLWAY_PROVIDERS"] = ",".join(provider_keys(env))
    if service == "edge":
        told["TOLLWAY_LISTEN_FD"] = str(around.listen_fd)
    return told
