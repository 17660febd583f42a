"""Which secrets and servers each service needs; it is told of no others."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """What a service may know."""

    store: bool = False
    """The address of MongoDB, with its credentials."""
    master_key: bool = False
    """The master key's SHA-256."""
    key_secret: bool = False
    """The HMAC key under which virtual keys are stored."""
    encryption_key: bool = False
    """The key that seals provider credentials at rest."""
    provider_keys: bool = False
    """Provider credentials from the configuration and the environment."""
    declared_keys: bool = False
    """The virtual keys that the configuration declares."""


ROLES: dict[str, Role] = {
    "edge": Role(),
    "auth": Role(store=True, master_key=True, key_secret=True),
    "guardrails": Role(),
    "router": Role(store=True, encryption_key=True, provider_keys=True),
    "passthrough": Role(provider_keys=True),
    "admin": Role(store=True, key_secret=True, encryption_key=True, declared_keys=True),
    "billing": Role(store=True),
    "tollway": Role(store=True),
}


def role_of(service: str) -> Role:
    """Return a service's role; one that is not in the table may know nothing."""
    return ROLES.get(service, Role())
