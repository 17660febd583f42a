"""What one process is told by its environment: who it is, where the servers are, the secrets of its role."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from shared.security.sealing import KEY_BYTES
from shared.settings.file import Configuration
from shared.settings.load import load
from shared.settings.problems import ConfigurationError
from shared.settings.providers import ProviderAccess, provider_keys
from shared.settings.reread import ConfigurationFile
from shared.settings.roles import role_of


@dataclass(frozen=True)
class NatsAccess:
    """How to prove oneself to a NATS that somebody else runs; all of it may be absent."""

    credentials: Path | None = None
    """A `.creds` file."""
    ca: Path | None = None
    """Certificates that nats-server's own must descend from; the system's if None."""
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Runtime:
    """One process's surroundings. Secrets that its role does not need are empty."""

    service: str
    configuration: Configuration
    nats_url: str
    nats_user: str | None = None
    nats_password: str | None = field(default=None, repr=False)
    nats_access: NatsAccess = NatsAccess()
    mongodb_url: str = field(default="", repr=False)
    data_dir: Path = Path(".tollway")
    master_key_digest: str = field(default="", repr=False)
    """SHA-256 of the master key, in hex; nobody but the operator holds the key itself."""
    secret: bytes = field(default=b"", repr=False)
    """The key of the HMAC under which virtual keys are stored."""
    encryption_key: bytes = field(default=b"", repr=False)
    """32 bytes; seals provider credentials at rest."""
    old_encryption_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys that sealed them before; they still open what `tollway rotate-secrets` has not come to yet."""
    provider_keys: Mapping[str, ProviderAccess] = field(default_factory=dict, repr=False)
    """Access to providers, by provider, that the environment switched on."""
    providers: frozenset[str] | None = None
    """The providers that the environment switched on, for those who may not see their keys; None where nobody said."""
    listen_fd: int | None = None
    """A listening socket that the supervisor made, so that a restart of the edge refuses no connection."""
    ready_fd: int | None = None
    file: ConfigurationFile | None = None
    """Where the configuration comes from, for those who follow it while they run."""
    alive_file: Path | None = None
    """Touched with each beat, for the health checks of containers (`tollway.alive`)."""

    @property
    def encryption_keys(self) -> tuple[bytes, ...]:
        """Every key that opens sealed secrets, the one that seals first."""
        return (self.encryption_key, *self.old_encryption_keys)

    def announce_ready(self) -> None:
        """Tell the supervisor, if there is one, that this process serves."""
        if self.ready_fd is not None:
            os.write(self.ready_fd, b"ready\n")
            os.close(self.ready_fd)

    def announce_alive(self) -> None:
        """Tell a health check, if there is one, that this process's loop runs."""
        if self.alive_file is not None:
            self.alive_file.touch()


def from_environment(service: str, env: Mapping[str, str]) -> Runtime:
    """Return the surroundings that the environment describes; raise `ConfigurationError`.

    Secrets that the service's role does not need are left where they are.
    """
    if not env.get("NATS_URL"):
        raise ConfigurationError("NATS_URL is not set; say where nats-server is, or start everything by 'tollway up'.")
    role = role_of(service)
    sealing = encryption_keys(env) if role.encryption_key else (b"",)
    ready, listen = env.get("TOLLWAY_READY_FD"), env.get("TOLLWAY_LISTEN_FD")
    file = configuration_file(service, env)
    configuration = file.load()
    return Runtime(
        service=service,
        configuration=configuration,
        file=file,
        nats_url=env["NATS_URL"],
        nats_user=env.get("NATS_USER"),
        nats_password=env.get("NATS_PASSWORD"),
        nats_access=_nats_access(env),
        mongodb_url=_mongodb_url(env, configuration) if role.store else "",
        data_dir=Path(env.get("TOLLWAY_DATA_DIR", ".tollway")),
        master_key_digest=_master_key_digest(env) if role.master_key else "",
        secret=_bytes("TOLLWAY_SECRET", env.get("TOLLWAY_SECRET", ""), at_least=16) if role.key_secret else b"",
        encryption_key=sealing[0],
        old_encryption_keys=sealing[1:],
        provider_keys=provider_keys(env) if role.provider_keys else {},
        providers=_names(env.get("TOLLWAY_PROVIDERS")),
        listen_fd=int(listen) if listen else None,
        ready_fd=int(ready) if ready else None,
        alive_file=Path(env["TOLLWAY_ALIVE_FILE"]) if env.get("TOLLWAY_ALIVE_FILE") else None,
    )


def configuration_file(service: str, env: Mapping[str, str]) -> ConfigurationFile:
    """Return the configuration file as a service may read it."""
    path, role = env.get("TOLLWAY_CONFIG"), role_of(service)
    place = Path(path) if path else None
    return ConfigurationFile(
        place, lambda: load(place, env, with_secrets=role.provider_keys, with_keys=role.declared_keys)
    )


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(filter(None, text.split(",")))


def _nats_access(env: Mapping[str, str]) -> NatsAccess:
    def path(name: str) -> Path | None:
        return Path(env[name]) if env.get(name) else None

    return NatsAccess(path("NATS_CREDS"), path("NATS_CA"), path("NATS_CERT"), path("NATS_KEY"))


def _mongodb_url(env: Mapping[str, str], configuration: Configuration) -> str:
    """Return the store's address with the configured write concern, unless the address has its own."""
    url = env.get("MONGODB_URL")
    if not url:
        raise ConfigurationError("MONGODB_URL is not set; say where MongoDB is, or start everything by 'tollway up'.")
    return with_write_concern(url, configuration.mongodb.write_concern)


def with_write_concern(url: str, concern: str | int) -> str:
    """Return a MongoDB address that asks for a write concern, unless it names one itself."""
    place, _, options = url.partition("?")
    if any(option.partition("=")[0] == "w" for option in options.split("&")):
        return url
    if place.count("/") < 3:
        place += "/"
    return f"{place}?{options}&w={concern}" if options else f"{place}?w={concern}"


def _master_key_digest(env: Mapping[str, str]) -> str:
    digest = env.get("TOLLWAY_MASTER_KEY_SHA256", "")
    if digest:
        return digest.lower()
    key = env.get("TOLLWAY_MASTER_KEY", "")
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest() if key else ""


def encryption_keys(env: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the keys of `TOLLWAY_ENCRYPTION_KEY`: one, or the new one and the old ones with commas between them.

    Raises `ConfigurationError`.
    """
    name = "TOLLWAY_ENCRYPTION_KEY"
    return tuple(_bytes(name, digits.strip(), exactly=KEY_BYTES) for digits in env.get(name, "").split(","))


def _bytes(name: str, digits: str, *, exactly: int = 0, at_least: int = 0) -> bytes:
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        raise ConfigurationError(f"{name} must be written in hexadecimal digits.") from None
    if (exactly and len(value) != exactly) or len(value) < at_least:
        size = exactly or at_least
        what = f"{size} bytes" if exactly else f"at least {size} bytes"
        raise ConfigurationError(f"{name} must be {what}, that is {size * 2} hexadecimal digits.")
    return value
