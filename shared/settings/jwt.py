"""Issuers of JWTs that callers may send in place of a key."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.schemas.context import Role
from shared.settings.checks import TargetUrl, target_url
from shared.settings.section import Section

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"
]
"""Signatures of RFC 7518 and RFC 8037; those that begin with HS have one secret for both sides."""


def _domain(value: str) -> str:
    if not value or "@" in value or not value.isascii():
        raise ValueError("an e-mail domain is the part behind the '@', in ASCII")
    return value.lower()


class JwtIssuer(Section):
    """One OIDC provider, or whoever else signs tokens; `docs/jwt.md` explains it."""

    issuer: str = Field(min_length=1, max_length=1000)
    """What the claim `iss` holds, to the letter. For discovery it is the address below which the provider's
    `/.well-known/openid-configuration` is."""
    audience: tuple[str, ...] = Field(min_length=1)
    """What the claim `aud` must hold one of: the names by which the provider knows this gateway."""
    algorithms: tuple[Algorithm, ...] = Field(("RS256", "ES256"), min_length=1)
    """Signatures that are accepted; those that begin with HS need `secret_file` and stand alone."""
    jwks_url: TargetUrl | None = None
    """Where its public keys are, if discovery is not to say."""
    secret_file: Path | None = None
    """A file whose bytes are the secret of HS signatures; only auth reads it."""
    leeway: float = Field(30.0, ge=0, le=300)
    """Seconds by which clocks may differ."""
    cache_seconds: float = Field(300.0, gt=0)
    """So old may keys and verified tokens be before they are looked at again; a key that the provider withdrew
    works for up to twice as long."""
    keep_seconds: float = Field(3600.0, gt=0)
    """So old may keys be while the provider cannot be reached."""
    user_claim: str = "sub"
    """The claim with the user's id; empty where tokens are of teams alone. `a.b` is `b` within `a`."""
    user_prefix: str = ""
    """What is put before the user's id, so that users of two issuers are never taken for each other."""
    email_claim: str = "email"
    """The claim with the user's e-mail address."""
    email_domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = ()
    """Domains of which the e-mail address must be, and verified; empty means any."""
    teams_claim: str = ""
    """The claim with the ids of the user's teams: a list, or one of them."""
    organization_claim: str = ""
    """The claim with the organization's id."""
    roles_claim: str = ""
    """The claim with the roles that `roles` speaks of: a list, or text with spaces between them."""
    roles: dict[str, Role] = Field(default_factory=dict)
    """What each of the provider's roles is here; of several the one that may do most counts."""
    scope_claim: str = "scope"
    """The claim with the token's scopes."""
    admin_scope: str = ""
    """Who has this scope is a proxy admin; empty means that no scope makes one."""
    default_role: Literal["internal_user", "internal_user_viewer", "key_holder"] = "internal_user"
    """What a user is of whom neither the token nor the user's record says more."""
    create_users: bool = False
    """True makes a user of whoever brings a valid token; otherwise users must exist."""

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        shared = [name for name in self.algorithms if name.startswith("HS")]
        if shared and len(shared) != len(self.algorithms):
            raise ValueError("signatures by a shared secret and by public keys do not go together; make two issuers")
        if shared and (self.secret_file is None or self.jwks_url is not None):
            raise ValueError(f"{shared[0]} needs 'secret_file', and takes no 'jwks_url'")
        if not shared and self.secret_file is not None:
            raise ValueError("'secret_file' is for signatures by a shared secret, such as HS256")
        if not shared and self.jwks_url is None:
            try:
                target_url(self.issuer)
            except ValueError as error:
                raise ValueError(f"without 'jwks_url' the issuer is an address ({error})") from None
        return self

    @model_validator(mode="after")
    def _check_claims(self) -> Self:
        if not self.user_claim and not self.teams_claim:
            raise ValueError("a token must tell who it is of: name 'user_claim' or 'teams_claim'")
        if self.create_users and not self.user_claim:
            raise ValueError("'create_users' needs 'user_claim'")
        if self.roles and not self.roles_claim:
            raise ValueError("'roles' needs 'roles_claim'")
        if self.email_domains and not self.email_claim:
            raise ValueError("'email_domains' needs 'email_claim'")
        return self


def check_issuers(issuers: tuple[JwtIssuer, ...]) -> tuple[JwtIssuer, ...]:
    """Return the issuers; raise `ValueError` where two could be taken for each other, or their users could."""
    for what, of_each in (
        ("issuer", [item.issuer for item in issuers]),
        ("user_prefix", [item.user_prefix for item in issuers if item.user_claim]),
    ):
        twice = sorted({name for name in of_each if of_each.count(name) > 1})
        if twice:
            raise ValueError(f"two issuers have the {what} '{twice[0]}'; each needs one of its own")
    return issuers
