"""Who asks by a key, and what holds for the key: its record seen together with those of its user, team and so on."""

from dataclasses import dataclass

from services.auth.domain.grants import NO_LIMIT, Grants, Members, grants_of
from services.auth.domain.networks import Networks, networks_of
from services.auth.domain.quotas import NO_PLAN, Plan, Rules, plan_of
from services.auth.domain.surroundings import Surroundings
from shared.schemas.context import Principal
from shared.store.keys import KeyRecord
from shared.store.people import TeamRecord
from shared.store.permissions import SEES_SPEND


@dataclass(frozen=True, slots=True)
class Standing:
    """What auth knows of a caller until one of the records behind it changes."""

    principal: Principal
    grants: Grants = NO_LIMIT
    plan: Plan = NO_PLAN
    denied: str = ""
    """Why the key does not work now, though it is a key; empty where it does."""
    blocked: bool = False
    expires: float | None = None
    allowed_routes: tuple[str, ...] = ()
    networks: tuple[Networks, ...] = ()
    """Each of them must hold the client's address."""
    enforced_params: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sees_spend: bool = False
    """True where the key may see what everybody spent; `admission.acting` lets it."""
    wait: float = 0.0
    """Seconds that a request waits for its turn where a limit stands in the way."""

    @property
    def tenant(self) -> str:
        """Whose turn it is among those who wait: the team's, else the user's, else the key's."""
        who = self.principal
        return who.team or who.user or who.key


MASTER = Standing(Principal("proxy_admin"))
"""Whoever holds the master key."""


def standing_of(key: KeyRecord, around: Surroundings, members: Members, rules: Rules) -> Standing:
    """Return the standing of a key; `members` tells the models of an access group."""
    team = around.team
    grants = grants_of(
        key,
        user=around.user,
        team=team,
        member=around.member,
        organization=around.organization,
        members=members,
    )
    lists = (*grants.own, *grants.around)
    organization = organization_of(key, team)
    return Standing(
        principal=Principal(
            role=around.user.role if around.user is not None else "key_holder",
            key=key.id,
            key_name=key.key_name,
            key_alias=key.key_alias,
            user=key.user_id,
            team=key.team_id,
            organization=organization,
            models=lists[0] if lists else (),
            within=lists[1:],
        ),
        grants=grants,
        plan=plan_of(key, around, organization, rules),
        denied=_denied(key, around),
        blocked=key.blocked,
        expires=key.expires,
        allowed_routes=key.allowed_routes,
        networks=tuple(
            networks_of(allowed)
            for allowed in (key.allowed_addresses, team.allowed_addresses if team is not None else ())
            if allowed
        ),
        enforced_params=key.enforced_params,
        guardrails=_joined(key.guardrails, team.guardrails if team is not None else ()),
        tags=_joined(key.tags, team.tags if team is not None else ()),
        sees_spend=key.permissions.get(SEES_SPEND) is True,
        wait=key.wait_for_room,
    )


def organization_of(key: KeyRecord, team: TeamRecord | None) -> str:
    """Return the organization that a key counts in: its team's, else its own."""
    return (team.organization_id if team is not None else "") or key.organization_id


def _denied(key: KeyRecord, around: Surroundings) -> str:
    if key.team_id and around.team is None:
        return "The team of this API key does not exist any more."
    if around.team is not None and around.team.blocked:
        return "The team of this API key is blocked."
    if organization_of(key, around.team) and around.organization is None:
        return "The organization of this API key does not exist any more."
    return ""


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
