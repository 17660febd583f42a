"""The user that is made when somebody's first token comes."""

from services.auth.domain.jwt_claims import Claimed
from shared.pricing.money import to_nano
from shared.schemas.limits import Limits
from shared.settings.defaults import UserDefaults
from shared.settings.jwt import JwtIssuer
from shared.store.audit import AuditEntry
from shared.store.people import UserRecord


def newcomer(claimed: Claimed, issuer: JwtIssuer, defaults: UserDefaults, *, email: str, now: float) -> UserRecord:
    """Return the record of a token's user, with what new users get and the issuer's `default_role`.

    The role that a token gives stays with the token. `email` is empty where somebody else has the address.
    """
    duration = defaults.budget_duration or ""
    return UserRecord(
        id=claimed.user,
        created_at=now,
        email=email,
        role=issuer.default_role,
        models=defaults.models,
        limits=Limits(
            rpm=defaults.rpm_limit,
            tpm=defaults.tpm_limit,
            parallel=defaults.max_parallel_requests,
            max_budget=None if defaults.max_budget is None else to_nano(defaults.max_budget),
            budget_duration=duration,
            budget_since=now if duration else 0.0,
        ),
        sso_id=claimed.user,
        created_by=claimed.user,
        updated_at=now,
        updated_by=claimed.user,
    )


def audit_entry(user: UserRecord, *, request: str, client: str) -> AuditEntry:
    """Return the audit entry of a newcomer, who made itself by its token."""
    shape = {
        "user_id": user.id,
        "user_email": user.email or None,
        "user_role": user.role,
        "sso_user_id": user.sso_id,
        "models": list(user.models),
    }
    return AuditEntry(
        at=user.created_at,
        actor=user.id,
        actor_name=user.id,
        action="user.added",
        kind="user",
        object=user.id,
        after=shape,
        client=client,
        request_id=request,
    )
