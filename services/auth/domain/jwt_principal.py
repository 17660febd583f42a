"""From a verified token and the records of its user and team to a principal."""

from services.auth.domain.jwt_claims import Claimed
from shared.errors import Forbidden
from shared.schemas.context import Principal, Role
from shared.settings.jwt import JwtIssuer
from shared.store.people import TeamRecord, UserRecord

KEY_NAME = "JWT"
"""What stands in the ledger in place of a key's name."""


def needs_user(claimed: Claimed) -> bool:
    """Tell whether the token's user must exist: an administrator by its scope or role need not, nor a team."""
    return bool(claimed.user) and claimed.role != "proxy_admin"


def role_of(claimed: Claimed, issuer: JwtIssuer, user: UserRecord | None) -> Role:
    """Return the token's role, or else the user's, or else what the issuer's users are."""
    if claimed.role is not None:
        return claimed.role
    if user is not None:
        return user.role
    return issuer.default_role if claimed.user else "key_holder"


def principal_of_token(
    claimed: Claimed, issuer: JwtIssuer, user: UserRecord | None, team: TeamRecord | None
) -> Principal:
    """Return who holds a token; `team` is the record of the team that the request is for.

    Raises `Forbidden` for a blocked team, and for one that is in another organization than the token says.
    """
    if team is not None and team.blocked:
        raise Forbidden("The token's team is blocked.")
    within = team.organization_id if team is not None else ""
    if claimed.organization and within and within != claimed.organization:
        raise Forbidden("The token's team is not in the token's organization.")
    return Principal(
        role=role_of(claimed, issuer, user),
        key_name=KEY_NAME,
        user=user.id if user is not None else claimed.user,
        team=team.id if team is not None else "",
        organization=within or claimed.organization,
        models=_models(user, team),
    )


def _models(user: UserRecord | None, team: TeamRecord | None) -> tuple[str, ...]:
    if team is not None:
        return team.models
    return user.models if user is not None else ()
