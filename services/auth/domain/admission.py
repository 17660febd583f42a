"""May this principal do this? Pure decisions; every denial says why without telling what exists."""

from shared.errors import Forbidden, Unauthenticated
from shared.routes import Policy
from shared.schemas.context import Principal, RequestContext
from shared.store.keys import KeyRecord

MASTER = Principal("proxy_admin")
"""Whoever holds the master key."""


def principal_of(record: KeyRecord) -> Principal:
    """Return who holds a virtual key."""
    return Principal(
        role="key_holder",
        key=record.hash,
        key_name=record.key_name,
        key_alias=record.key_alias,
        user=record.user_id,
        team=record.team_id,
        organization=record.organization_id,
        models=record.models,
    )


def check_usable(record: KeyRecord | None, now: float) -> None:
    """Raise `Unauthenticated` unless the key exists and works at `now` (Unix seconds)."""
    if record is None:
        raise Unauthenticated("The API key is not valid.")
    if record.blocked:
        raise Unauthenticated("The API key is blocked.")
    if record.expires is not None and now >= record.expires:
        raise Unauthenticated("The API key has expired.")


def check_allowed(principal: Principal, policy: Policy, ctx: RequestContext) -> None:
    """Raise `Forbidden` unless the principal may call the matched route, for the model that it names."""
    if principal.role not in policy.roles:
        raise Forbidden("This API key may not call this route.")
    if policy.model and not principal.may_use(ctx.model):
        raise Forbidden(f"This API key may not use the model '{ctx.model}'.", param="model", code="model_not_allowed")
