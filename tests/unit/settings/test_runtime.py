"""What a process learns from its environment, and what it does not."""

from dataclasses import fields
from pathlib import Path

import pytest

from shared.settings import ConfigurationError
from shared.settings.roles import ROLES
from shared.settings.runtime import Runtime, from_environment, with_write_concern
from tollway.services import SERVICES

EVERYTHING = {
    "NATS_URL": "nats://localhost",
    "MONGODB_URL": "mongodb://localhost",
    "TOLLWAY_MASTER_KEY": "sk-master-of-all",
    "TOLLWAY_SECRET": "ab" * 32,
    "TOLLWAY_ENCRYPTION_KEY": "cd" * 32,
    "OPENAI_API_KEY": "sk-openai",
    "OPENAI_BASE_URL": "https://openai.example/v1",
    "ANTHROPIC_API_KEY": "sk-anthropic",
}


def test_every_service_has_a_role() -> None:
    """A service that is not in the table would know nothing."""
    assert set(SERVICES) | {"tollway"} == set(ROLES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_learns_the_secrets_of_its_role_alone(service: str) -> None:
    """Even where the environment holds everything."""
    runtime, role = from_environment(service, EVERYTHING), ROLES[service]
    assert bool(runtime.mongodb_url) == role.store
    assert bool(runtime.master_key_digest) == role.master_key
    assert bool(runtime.secret) == role.key_secret
    assert bool(runtime.encryption_key) == role.encryption_key
    assert bool(runtime.provider_keys) == role.provider_keys


def test_nobody_learns_the_master_key_itself() -> None:
    """Auth compares digests; the key is in no process but the operator's."""
    for service in SERVICES:
        runtime = from_environment(service, EVERYTHING)
        assert [field.name for field in fields(Runtime) if getattr(runtime, field.name) == "sk-master-of-all"] == []


def test_a_runtime_shows_no_secret() -> None:
    """Its representation may end in a log."""
    shown = "".join(repr(from_environment(service, EVERYTHING)) for service in SERVICES)
    secrets = [value for name, value in EVERYTHING.items() if name.endswith(("_KEY", "_SECRET"))]
    assert [value for value in secrets if value in shown or repr(bytes.fromhex("cd" * 32)) in shown] == []


def test_provider_keys_come_with_their_address() -> None:
    """A base address beside the key is used, else the vendor's own."""
    keys = from_environment("router", EVERYTHING).provider_keys
    assert {name: access.api_base for name, access in keys.items()} == {
        "openai": "https://openai.example/v1",
        "anthropic": None,
    }
    assert keys["openai"].api_key.get_secret_value() == "sk-openai"


@pytest.mark.parametrize(
    ("service", "changed", "says"),
    [
        ("edge", {"NATS_URL": ""}, "NATS_URL is not set"),
        ("auth", {"MONGODB_URL": ""}, "MONGODB_URL is not set"),
        ("auth", {"TOLLWAY_SECRET": "not hex"}, "TOLLWAY_SECRET must be written in hexadecimal digits."),
        ("auth", {"TOLLWAY_SECRET": "ab"}, "TOLLWAY_SECRET must be at least 16 bytes"),
        ("router", {"TOLLWAY_ENCRYPTION_KEY": "ab" * 31}, "TOLLWAY_ENCRYPTION_KEY must be 32 bytes"),
    ],
)
def test_what_is_missing_or_wrong_is_one_sentence(service: str, changed: dict[str, str], says: str) -> None:
    """It names the variable."""
    with pytest.raises(ConfigurationError, match=says):
        from_environment(service, EVERYTHING | changed)


@pytest.mark.parametrize(
    ("url", "concern", "expected"),
    [
        ("mongodb://a:1", "majority", "mongodb://a:1/?w=majority"),
        ("mongodb://a:1/", 2, "mongodb://a:1/?w=2"),
        ("mongodb://a:1,b:2/?replicaSet=r", "majority", "mongodb://a:1,b:2/?replicaSet=r&w=majority"),
        ("mongodb://u:p@a/db?w=1", "majority", "mongodb://u:p@a/db?w=1"),
    ],
)
def test_the_write_concern_joins_the_address(url: str, concern: str | int, expected: str) -> None:
    """Unless the address has one of its own."""
    assert with_write_concern(url, concern) == expected


@pytest.mark.parametrize("service", SERVICES)
def test_declared_keys_are_read_by_admin_alone(service: str, tmp_path: Path) -> None:
    """Others start without the variable that holds one, and never hold it."""
    path = tmp_path / "tollway.yaml"
    path.write_text("keys: [{key_alias: ci, key: '${CI_KEY}'}]\n")
    env = {**EVERYTHING, "TOLLWAY_CONFIG": str(path)}
    if service == "admin":
        with pytest.raises(ConfigurationError, match="CI_KEY"):
            from_environment(service, env)
        env["CI_KEY"] = "sk-of-continuous-integration"
    runtime = from_environment(service, env)
    assert bool(runtime.configuration.keys) == (service == "admin")
    assert "sk-of-continuous-integration" not in repr(runtime)


def test_old_encryption_keys_follow_the_new_one() -> None:
    """The first seals, and all of them open; each must have its 32 bytes."""
    env = {**EVERYTHING, "TOLLWAY_ENCRYPTION_KEY": f"{'ab' * 32}, {'cd' * 32}"}
    runtime = from_environment("admin", env)
    assert runtime.encryption_key == bytes.fromhex("ab" * 32)
    assert runtime.encryption_keys == (bytes.fromhex("ab" * 32), bytes.fromhex("cd" * 32))
    for wrong in (f"{'ab' * 32},", f"{'ab' * 32},cd"):
        with pytest.raises(ConfigurationError, match="must be 32 bytes"):
            from_environment("admin", {**EVERYTHING, "TOLLWAY_ENCRYPTION_KEY": wrong})
