"""What one process is told by its environment: who it is, where the servers are, the secrets of its role."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.settings.file import Configuration
from shared.settings.load import ConfigurationError, load


@dataclass(frozen=True)
class Runtime:
    """One process's surroundings. Secrets that its role does not need are empty."""

    service: str
    configuration: Configuration
    nats_url: str
    nats_user: str | None = None
    nats_password: str | None = field(default=None, repr=False)
    mongodb_url: str = field(default="", repr=False)
    data_dir: Path = Path(".tollway")
    master_key: str = field(default="", repr=False)
    secret: bytes = field(default=b"", repr=False)
    """The key of the HMAC under which virtual keys are stored."""
    encryption_key: bytes = field(default=b"", repr=False)
    """32 bytes; seals provider credentials at rest."""
    listen_fd: int | None = None
    """A listening socket that the supervisor made, so that a restart of the edge refuses no connection."""
    ready_fd: int | None = None

    def announce_ready(self) -> None:
        """Tell the supervisor, if there is one, that this process serves."""
        if self.ready_fd is not None:
            os.write(self.ready_fd, b"ready\n")
            os.close(self.ready_fd)


def from_environment(service: str, env: Mapping[str, str]) -> Runtime:
    """Return the surroundings that the environment describes; raise `ConfigurationError`."""
    if not env.get("NATS_URL"):
        raise ConfigurationError("NATS_URL is not set; say where nats-server is, or start everything by 'tollway up'.")
    path = env.get("TOLLWAY_CONFIG")
    ready, listen = env.get("TOLLWAY_READY_FD"), env.get("TOLLWAY_LISTEN_FD")
    return Runtime(
        service=service,
        configuration=load(Path(path) if path else None, env),
        nats_url=env["NATS_URL"],
        nats_user=env.get("NATS_USER"),
        nats_password=env.get("NATS_PASSWORD"),
        mongodb_url=env.get("MONGODB_URL", ""),
        data_dir=Path(env.get("TOLLWAY_DATA_DIR", ".tollway")),
        master_key=env.get("TOLLWAY_MASTER_KEY", ""),
        secret=bytes.fromhex(env.get("TOLLWAY_SECRET", "")),
        encryption_key=bytes.fromhex(env.get("TOLLWAY_ENCRYPTION_KEY", "")),
        listen_fd=int(listen) if listen else None,
        ready_fd=int(ready) if ready else None,
    )
