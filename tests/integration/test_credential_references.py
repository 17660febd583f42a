"""Credentials that stand in the environment, in files and in Vault, read from the real places."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.credentials.resolver import Resolver, Unresolved
from shared.settings import Deployment
from shared.settings.credentials import CredentialSettings
from tests.support.vault import TOKEN, VaultServer


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    """A Vault with one secret."""
    with VaultServer() as server:
        server.secrets["providers/openai"] = {"api_key": "sk-from-vault"}
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of credentials as Kubernetes mounts one: names lead through a link to the current version."""
    version = tmp_path / "creds" / "..2026"
    version.mkdir(parents=True)
    (version / "openai").write_text("sk-from-file\n")
    (tmp_path / "creds" / "openai").symlink_to(version / "openai")
    (tmp_path / "secret").write_text("not yours")
    (tmp_path / "creds" / "escape").symlink_to(tmp_path / "secret")
    return tmp_path / "creds"


NO_TIME = 1e-9
"""Seconds that a secret counts where each question shall go to Vault."""

Make = Callable[..., Resolver]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes resolvers, and closes them whatever the test comes to."""
    async with AsyncExitStack() as stack:

        def made(env: dict[str, str] | None = None, **settings: Any) -> Resolver:
            resolver = Resolver(CredentialSettings.model_validate(settings), env or {})
            stack.push_async_callback(resolver.close)
            return resolver

        yield made


@pytest.fixture
def resolver(make: Make, vault: VaultServer, folder: Path) -> Resolver:
    """A resolver that may follow all three."""
    env = {"OPENAI_API_KEY": "sk-from-env", "EMPTY_API_KEY": ""}
    return make(env, folder=folder, vault={"address": vault.url, "token": TOKEN}, refresh_seconds=1000)


async def test_each_reference_leads_to_its_credential(resolver: Resolver) -> None:
    """And a credential itself is what it is."""
    assert await resolver.resolve("os.environ/OPENAI_API_KEY") == "sk-from-env"
    assert await resolver.resolve("file/openai") == "sk-from-file"
    assert await resolver.resolve("vault/providers/openai#api_key") == "sk-from-vault"
    assert await resolver.resolve("sk-itself") == "sk-itself"


@pytest.mark.parametrize(
    "text",
    [
        "os.environ/EMPTY_API_KEY",
        "os.environ/OTHER_API_KEY",
        "os.environ/HOME",
        "file/missing",
        "file/escape",
        "vault/providers/other#api_key",
        "vault/providers/openai#other",
    ],
)
async def test_a_reference_that_leads_nowhere_says_why(resolver: Resolver, text: str) -> None:
    """A link out of the folder is such a one, and no message holds a secret."""
    with pytest.raises(Unresolved) as refused:
        await resolver.resolve(text)
    assert "sk-" not in str(refused.value)
    assert "not yours" not in str(refused.value)


async def test_a_secret_of_vault_is_remembered(vault: VaultServer, resolver: Resolver) -> None:
    """One question in the stated time, whoever asks."""
    for _ in range(3):
        await resolver.resolve("vault/providers/openai#api_key")
    assert vault.reads == 1


async def test_a_known_secret_goes_on_working_while_vault_is_silent(vault: VaultServer, make: Make) -> None:
    """One that was never read does not; once Vault answers, a rotated secret is taken up by the next question."""
    resolver = make(vault={"address": vault.url, "token": TOKEN}, refresh_seconds=NO_TIME)
    assert await resolver.resolve("vault/providers/openai#api_key") == "sk-from-vault"
    vault.sealed = True
    assert await resolver.resolve("vault/providers/openai#api_key") == "sk-from-vault"
    assert vault.reads == 2
    with pytest.raises(Unresolved, match="503"):
        await resolver.resolve("vault/providers/other#api_key")
    vault.sealed = False
    vault.secrets["providers/openai"] = {"api_key": "sk-rotated"}
    assert await resolver.resolve("vault/providers/openai#api_key") == "sk-rotated"


async def test_a_deployment_without_its_credential_is_left_out(resolver: Resolver) -> None:
    """The others serve, and it is known that one is missing."""
    deployments = [
        ("a", Deployment.model_validate({"id": "a", "provider": "openai", "model": "m", "api_key": "file/openai"})),
        ("b", Deployment.model_validate({"id": "b", "provider": "openai", "model": "m", "api_key": "file/missing"})),
        ("c", Deployment.model_validate({"id": "c", "provider": "openai", "model": "m"})),
    ]
    found = await resolver.resolved(deployments)
    assert [name for name, _ in found] == ["a", "c"]
    assert found[0][1].api_key is not None
    assert found[0][1].api_key.get_secret_value() == "sk-from-file"
    assert (resolver.unresolved, resolver.followed) == (1, 1)


async def test_a_wrong_token_and_no_server_are_told(vault: VaultServer, make: Make) -> None:
    """Neither waits longer than a few seconds."""
    wrong = make(vault={"address": vault.url, "token": "wrong"})
    nowhere = make(vault={"address": "http://127.0.0.1:9", "token": TOKEN})
    for resolver, reason in ((wrong, "403"), (nowhere, "cannot be reached")):
        with pytest.raises(Unresolved, match=reason):
            await resolver.resolve("vault/providers/openai#api_key")
