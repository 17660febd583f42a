"""What a verified token's claims say: who somebody is, and what the provider lets them be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from shared.errors import Forbidden, InvalidRequest, Unauthenticated
from shared.schemas.context import Role
from shared.settings.jwt import JwtIssuer

LONGEST_ID = 256
"""Characters of an id, as on management routes."""

MOST_TEAMS = 1000

TEAM_HEADER = "x-tollway-team-id"

_WEAKNESS: dict[Role | None, int] = {role: place for place, role in enumerate(get_args(Role))}
"""The roles are listed from the one that may do most to the one that may do least."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whom a token is about."""

    subject: str = ""
    """The user's id as the issuer has it."""
    user: str = ""
    """The user's id here; empty for a token of a team alone."""
    email: str = ""
    teams: tuple[str, ...] = ()
    organization: str = ""
    scopes: frozenset[str] = frozenset()
    role: Role | None = None
    """What the token makes its holder; None where it says nothing."""


def claimed(claims: Mapping[str, Any], issuer: JwtIssuer) -> Claimed:
    """Return what the claims say; raise `Unauthenticated` where they say nothing, or what no id can be.

    Raises `Forbidden` for an e-mail address outside of the issuer's domains.
    """
    subject = _id(claims, issuer.user_claim)
    teams = _ids(claims, issuer.teams_claim)
    scopes = frozenset(_words(_claim(claims, issuer.scope_claim)))
    role = _role(claims, scopes, issuer)
    if not subject and not teams and role != "proxy_admin":
        raise Unauthenticated(f"The token does not tell who it is of, by its claim '{_needed(issuer)}'.")
    return Claimed(
        subject=subject,
        user=f"{issuer.user_prefix}{subject}" if subject else "",
        email=_email(claims, issuer),
        teams=teams,
        organization=_id(claims, issuer.organization_claim),
        scopes=scopes,
        role=role,
    )


def _needed(issuer: JwtIssuer) -> str:
    return issuer.user_claim or issuer.teams_claim


def team_for(claimed: Claimed, wanted: str, *, needed: bool) -> str:
    """Return the team that a request is for: the one that it names, or else the only one of the token.

    Raises `Forbidden` for a team that the token does not have, and `InvalidRequest` where one is `needed` and
    the token has several.
    """
    if wanted:
        if wanted not in claimed.teams:
            raise Forbidden(f"The token does not belong to the team that '{TEAM_HEADER}' names.")
        return wanted
    if len(claimed.teams) > 1 and needed:
        raise InvalidRequest(f"The token belongs to several teams; say by '{TEAM_HEADER}' for which one you ask.")
    return claimed.teams[0] if len(claimed.teams) == 1 else ""


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, or by its path: `a.b` is `b` within `a`, unless there is a claim `a.b`."""
    if not name:
        return None
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _id(claims: Mapping[str, Any], name: str) -> str:
    value = _claim(claims, name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not _is_id(value):
        raise Unauthenticated(f"The token's claim '{name}' cannot be an id.")
    return str(value)


def _ids(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = _claim(claims, name)
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    if len(items) > MOST_TEAMS or not all(_is_id(item) for item in items):
        raise Unauthenticated(f"The token's claim '{name}' cannot be a list of ids.")
    return tuple(dict.fromkeys(items))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable()


def _words(value: Any) -> tuple[str, ...]:
    """Return scopes or roles: text with spaces between them, or a list; what is neither says nothing."""
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _role(claims: Mapping[str, Any], scopes: frozenset[str], issuer: JwtIssuer) -> Role | None:
    if issuer.admin_scope and issuer.admin_scope in scopes:
        return "proxy_admin"
    found = [issuer.roles[name] for name in _words(_claim(claims, issuer.roles_claim)) if name in issuer.roles]
    return min(found, key=_WEAKNESS.__getitem__, default=None)


def _email(claims: Mapping[str, Any], issuer: JwtIssuer) -> str:
    value = _claim(claims, issuer.email_claim)
    email = str(value) if _is_id(value) and "@" in value else ""
    if issuer.email_domains:
        if not email:
            raise Forbidden("The token has no e-mail address, and this gateway asks for one of certain domains.")
        verified = claims.get("email_verified", True) is True
        if not verified or email.rpartition("@")[2].lower() not in issuer.email_domains:
            raise Forbidden("The token's e-mail address is not of a domain that may use this gateway.")
    return email
