"""What may stand in place of a credential."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.credentials.references import (
    BadReference,
    InEnvironment,
    InFile,
    InVault,
    Reference,
    check_permitted,
    read_reference,
)
from shared.settings.credentials import CredentialSettings, VaultSettings

EVERYTHING = CredentialSettings(
    environment=("*",), folder=Path("creds"), vault=VaultSettings(address="http://vault:8200")
)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("os.environ/OPENAI_API_KEY", InEnvironment("OPENAI_API_KEY")),
        ("file/openai", InFile("openai")),
        ("file/eu/openai.key", InFile("eu/openai.key")),
        ("vault/providers/openai#api_key", InVault("providers/openai", "api_key")),
        ("sk-proj-abc", None),
        ("", None),
    ],
)
def test_a_reference_is_told_from_a_credential(text: str, reference: Reference | None) -> None:
    """By how it begins."""
    assert read_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "os.environ/",
        "os.environ/A B",
        "os.environ/A=B",
        "file/",
        "file//etc/passwd",
        "file/../x",
        "file/a/../../x",
        "file/.hidden",
        "vault/x",
        "vault/#y",
        "vault/../sys#y",
        "vault/x?version=1#y",
        "vault/x#",
    ],
)
def test_a_reference_that_leads_astray_is_refused(text: str) -> None:
    """No path climbs, and nothing in one is read as anything but a name."""
    with pytest.raises(BadReference):
        read_reference(text)


@pytest.mark.parametrize("name", ["TOLLWAY_ENCRYPTION_KEY", "TOLLWAY_SECRET_API_KEY", "NATS_PASSWORD", "MONGODB_URL"])
def test_tollways_own_secrets_are_never_named(name: str) -> None:
    """Not even where the configuration allows every variable."""
    with pytest.raises(BadReference):
        check_permitted(InEnvironment(name), EVERYTHING)


def test_only_what_the_configuration_allows_is_followed() -> None:
    """By default variables that are called like a provider's key, and nothing else."""
    check_permitted(InEnvironment("OPENAI_API_KEY"), CredentialSettings())
    for reference in (InEnvironment("AWS_SECRET_ACCESS_KEY"), InFile("openai"), InVault("openai", "key")):
        with pytest.raises(BadReference):
            check_permitted(reference, CredentialSettings())
        check_permitted(reference, EVERYTHING)


@given(text=st.text(max_size=40) | st.text(max_size=40).map("file/".__add__))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is raised, and a file's path never climbs."""
    with suppress(BadReference):
        reference = read_reference(text)
        if isinstance(reference, InFile):
            assert ".." not in reference.path.split("/")
