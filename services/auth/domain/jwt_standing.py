"""From a verified token to the standing of its holder: that of a key of the same user and team, but for its role."""

from dataclasses import replace

import msgspec

from services.auth.domain.jwt_claims import Claimed
from services.auth.domain.standing import Standing
from shared.schemas.context import Role
from shared.schemas.scopes import SEPARATOR
from shared.settings.jwt import JwtIssuer
from shared.store.keys import KeyRecord

KEY_NAME = "JWT"
"""What stands in the ledger in place of a key's name."""


def needs_user(claimed: Claimed) -> bool:
    """Tell whether the token's user must exist: an administrator by scope or role need not, nor a team's machine."""
    return bool(claimed.user) and claimed.role != "proxy_admin"


def record_of(claimed: Claimed, digest: str, user: str, team: str) -> KeyRecord:
    """Return a key that has what the token's holder has, for `team`; it is never stored.

    Its hash is none that a key can have. `user` is the id of the user's record.
    """
    return KeyRecord(
        hash=f"{KEY_NAME}{SEPARATOR}{digest}{SEPARATOR}{team}",
        key_name=KEY_NAME,
        created_at=0.0,
        user_id=user or claimed.user,
        team_id=team,
        organization_id=claimed.organization,
    )


def standing_of_token(standing: Standing, claimed: Claimed, issuer: JwtIssuer, *, user_exists: bool) -> Standing:
    """Return the standing of a token's holder, from that of the key that `record_of` made up.

    The role is the token's, or else the user's own, or else what the issuer's users are.
    """
    principal = standing.principal
    role: Role = claimed.role or (
        principal.role if user_exists else issuer.default_role if claimed.user else "key_holder"
    )
    elsewhere = claimed.organization and principal.organization != claimed.organization
    return replace(
        standing,
        principal=msgspec.structs.replace(principal, key="", role=role),
        denied="The token's team is not in the token's organization." if elsewhere else standing.denied,
    )
