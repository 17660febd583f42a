"""Secrets that are made once and kept in the data folder; the environment's own win."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.security.keys import new_key
from shared.security.sealing import KEY_BYTES
from tollway.stack.errors import StackError
from tollway.stack.folder import DataFolder
from tollway.stack.permissions import USERS


@dataclass(frozen=True)
class Secrets:
    """What the stack's processes prove themselves with."""

    master_key: str = field(repr=False)
    secret: str = field(repr=False)
    """The key of the HMAC under which virtual keys are stored, in hex."""
    encryption_key: str = field(repr=False)
    """32 bytes in hex; seals provider credentials at rest. Old ones may follow, with commas between them."""
    demo_key: str = field(repr=False)
    nats_passwords: dict[str, str] = field(repr=False)


def keep_secrets(folder: DataFolder, env: Mapping[str, str]) -> Secrets:
    """Return the secrets, made now where they are not there yet; raise `StackError`."""

    def kept(name: str, variable: str | None, make: Callable[[], str]) -> str:
        if variable and env.get(variable):
            return env[variable]
        path = folder.secrets / name
        with folder.writing():
            if path.exists():
                return path.read_text().strip()
            value = make()
            folder.write(path, f"{value}\n".encode())
            return value

    made = Secrets(
        master_key=kept("master_key", "TOLLWAY_MASTER_KEY", new_key),
        secret=kept("secret", "TOLLWAY_SECRET", lambda: secrets.token_hex(32)),
        encryption_key=kept("encryption_key", "TOLLWAY_ENCRYPTION_KEY", lambda: secrets.token_hex(32)),
        demo_key=kept("demo_key", None, new_key),
        nats_passwords={user: kept(f"nats_{user}", None, lambda: secrets.token_hex(24)) for user in USERS},
    )
    _check(made)
    return made


def _check(made: Secrets) -> None:
    if len(made.master_key) < 8 or not made.master_key.isascii() or any(c.isspace() for c in made.master_key):
        raise StackError("TOLLWAY_MASTER_KEY must have at least 8 ASCII characters and no blanks.")
    for name, value, size in (
        ("TOLLWAY_SECRET", made.secret, None),
        *(("TOLLWAY_ENCRYPTION_KEY", key.strip(), KEY_BYTES) for key in made.encryption_key.split(",")),
    ):
        try:
            given = len(bytes.fromhex(value))
        except ValueError:
            raise StackError(f"{name} must be written in hexadecimal digits.") from None
        if (size is not None and given != size) or given < 16:
            raise StackError(f"{name} must have {size or 'at least 16'} bytes, that is {2 * (size or 16)} digits.")
