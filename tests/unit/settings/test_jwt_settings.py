"""What the configuration may say about issuers of tokens."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.settings import Configuration

ISSUER = {"issuer": "https://login.example", "audience": ["tollway"]}
SECRET = {"issuer": "internal", "audience": ["tollway"], "algorithms": ["HS256"], "secret_file": "secret"}


def configured(*issuers: dict[str, Any]) -> Configuration:
    """Return a configuration with these issuers."""
    return Configuration.model_validate({"auth": {"jwt": list(issuers)}})


def test_an_issuer_needs_its_name_and_an_audience() -> None:
    """Its signatures are those of public keys, and nobody is an administrator by chance."""
    (issuer,) = configured(ISSUER).auth.jwt
    assert issuer.algorithms == ("RS256", "ES256")
    assert (issuer.admin_scope, issuer.roles, issuer.create_users) == ("", {}, False)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"audience": []}, "at least 1 item"),
        ({"algorithms": ["none"]}, "RS256"),
        ({"algorithms": []}, "at least 1 item"),
        ({"algorithms": ["RS256", "HS256"], "secret_file": "x"}, "do not go together"),
        ({"algorithms": ["HS256"]}, "needs 'secret_file'"),
        ({"secret_file": "x"}, "for signatures by a shared secret"),
        ({"issuer": "login.example"}, "without 'jwks_url' the issuer is an address"),
        ({"issuer": "https://169.254.169.254"}, "link-local"),
        ({"jwks_url": "http://metadata.google.internal/keys"}, "link-local"),
        ({"user_claim": ""}, "who it is of"),
        ({"user_claim": "", "teams_claim": "t", "create_users": True}, "needs 'user_claim'"),
        ({"roles": {"a": "proxy_admin"}}, "needs 'roles_claim'"),
        ({"roles_claim": "r", "roles": {"a": "emperor"}}, "proxy_admin"),
        ({"email_domains": ["a@b.example"]}, "behind the '@'"),
        ({"leeway": 3600}, "less than or equal to 300"),
        ({"leway": 1}, "Extra inputs"),
    ],
)
def test_a_mistake_is_told(settings: dict[str, Any], problem: str) -> None:
    """In words of the setting."""
    with pytest.raises(ValidationError, match=problem):
        configured(ISSUER | settings)


def test_two_issuers_are_never_taken_for_each_other() -> None:
    """Neither they nor their users."""
    with pytest.raises(ValidationError, match="two issuers have the issuer"):
        configured(ISSUER, ISSUER | {"user_prefix": "x:"})
    with pytest.raises(ValidationError, match="two issuers have the user_prefix"):
        configured(ISSUER, SECRET)
    assert len(configured(ISSUER, SECRET | {"user_prefix": "internal:"}).auth.jwt) == 2
