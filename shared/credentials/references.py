"""What may stand in place of a credential: `os.environ/NAME`, `file/NAME` or `vault/PATH#FIELD`. Pure.

Whoever may add deployments may also say where they are, so a reference that could name anything would hand any secret
of the machine to them. The operator's configuration says which ones may be named.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.settings.credentials import CredentialSettings
from shared.settings.models import Deployment

_ENVIRONMENT, _FILE, _VAULT = "os.environ/", "file/", "vault/"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}){0,15}")
_OWN = ("TOLLWAY_*", "NATS_*", "MONGODB_*")
"""Tollway's own secrets, which no reference may name whatever the configuration allows."""


class BadReference(ValueError):
    """A reference that cannot be read or may not be used; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class InEnvironment:
    """An environment variable of the router; LiteLLM's form."""

    name: str


@dataclass(frozen=True, slots=True)
class InFile:
    """A file in the folder that the operator set."""

    path: str


@dataclass(frozen=True, slots=True)
class InVault:
    """A field of a secret in Vault's key-value store."""

    path: str
    field: str


Reference = InEnvironment | InFile | InVault


def read_reference(text: str) -> Reference | None:
    """Return what a text refers to, None for a credential itself; raise `BadReference`."""
    if text.startswith(_ENVIRONMENT):
        return InEnvironment(_matched(_NAME, text.removeprefix(_ENVIRONMENT), "os.environ/NAME"))
    if text.startswith(_FILE):
        return InFile(_matched(_PATH, text.removeprefix(_FILE), "file/NAME"))
    if text.startswith(_VAULT):
        path, _, field = text.removeprefix(_VAULT).partition("#")
        form = "vault/PATH#FIELD"
        return InVault(_matched(_PATH, path, form), _matched(_PATH, field, form))
    return None


def refers(deployment: Deployment) -> bool:
    """Tell whether a deployment's credential stands elsewhere, or is said to in a form that cannot be read."""
    key = deployment.api_key
    return key is not None and key.get_secret_value().startswith((_ENVIRONMENT, _FILE, _VAULT))


def check_permitted(reference: Reference, settings: CredentialSettings) -> None:
    """Raise `BadReference` unless the configuration allows it."""
    if isinstance(reference, InEnvironment):
        allowed = any(fnmatchcase(reference.name, pattern) for pattern in settings.environment)
        if not allowed or any(fnmatchcase(reference.name, pattern) for pattern in _OWN):
            raise BadReference(
                f"names the variable {reference.name}, which 'credentials.environment' of the configuration leaves out"
            )
    elif isinstance(reference, InFile) and settings.folder is None:
        raise BadReference("names a file, and 'credentials.folder' of the configuration says no folder")
    elif isinstance(reference, InVault) and settings.vault is None:
        raise BadReference("names a secret in Vault, and 'credentials.vault' of the configuration says no address")


def _matched(pattern: re.Pattern[str], text: str, form: str) -> str:
    if not pattern.fullmatch(text):
        raise BadReference(f"is not a reference of the form {form}")
    return text
