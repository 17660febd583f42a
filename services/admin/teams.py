"""The `/team` routes that change teams; `members` has those about who is in them."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from services.admin.domain.declared import refuse_declared
from services.admin.domain.defaults import with_defaults
from services.admin.domain.deletions import read_deleted
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.member_shapes import deed_shape
from services.admin.domain.requests import Answer, Request
from services.admin.domain.rights import Caller, require
from services.admin.domain.team_fields import NewTeam, read_new_team, read_team_update
from services.admin.domain.team_rights import check_by_team_admin, check_within_organization
from services.admin.domain.team_shapes import team_shape
from services.admin.joining import Joining
from services.admin.people import People
from services.admin.recording import Deed, Recorder
from services.admin.spending import Spending
from services.admin.taking import Taken, Taking
from services.admin.team_shapes import TeamShapes
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.schemas.limits import Limits
from shared.schemas.model_lists import ALL_PROXY_MODELS
from shared.store.connection import Session
from shared.store.people import TeamRecord

MOST_AT_ONCE = 100
"""Teams that one request may delete."""

_ONE = FieldPolicy(frozenset({"team_id"}), {}, frozenset())
_MODELS = FieldPolicy(frozenset({"models", "team_id"}), {}, frozenset())

Change = Callable[[TeamRecord], TeamRecord]
Check = Callable[[TeamRecord, TeamRecord, Limits, Limits], None]
"""Raises where a change goes too far: from the team before and after, and the limits that hold for each."""


class TeamRoutes:
    """Makes, changes, blocks and deletes teams."""

    def __init__(
        self,
        people: People,
        joining: Joining,
        taking: Taking,
        shapes: TeamShapes,
        spending: Spending,
        recorder: Recorder,
        defaults: Mapping[str, Any],
        guardrails: Collection[str],
    ) -> None:
        self._people = people
        self._joining = joining
        self._taking = taking
        self._shapes = shapes
        self._spending = spending
        self._recorder = recorder
        self._defaults = defaults
        self._guardrails = guardrails

    async def new(self, request: Request) -> Answer:
        """Make a team with its first members."""
        body = with_defaults(request.body, self._defaults)
        wanted = read_new_team(body, id=str(uuid.uuid4()), now=request.now, by=request.actor_name)
        team, caller = wanted.record, request.caller
        require(
            caller.administers_organization(team.organization_id),
            "You may make teams within organizations that you administer.",
            param="organization_id",
        )
        # An identity provider could name a team by it later.
        require(
            caller.is_admin or not request.body.get("team_id"),
            "Only proxy administrators choose the id of a team.",
            param="team_id",
        )

        async def work(session: Session) -> tuple[None, list[Deed]]:
            await self._check_references(team, session, None)
            if await self._people.teams.find(team.id, session) is not None:
                raise Conflict(f"There is a team '{team.id}' already.", param="team_id")
            await self._people.teams.insert(team, session)
            deeds = [Deed("team", team.id, "team.added", after=team_shape(team))]
            return None, deeds + await self._join(wanted, request, session)

        await self._recorder.carry_out(request, work)
        return Answer(await self._shapes.one(team, request), tuple(team.ignored))

    async def update(self, request: Request) -> Answer:
        """Change a team that the body names."""
        id = Fields(request.body).needed_text("team_id")
        shape, kept = await self._update(request, id)
        return Answer({"team_id": id, "data": shape}, kept)

    async def patch(self, request: Request) -> Answer:
        """Change a team that the path names."""
        return Answer(*await self._update(request, request.path["team_id"]))

    async def _update(self, request: Request, id: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Change a team; who administers nothing but the team gives it nothing more."""

        def change(before: TeamRecord) -> TeamRecord:
            return read_team_update(request.body, before, now=request.now, by=request.actor_name)

        def check(before: TeamRecord, after: TeamRecord, had: Limits, has: Limits) -> None:
            if not request.caller.administers_organization(before.organization_id):
                check_by_team_admin(request.body, before, after, had, has)
            elif after.organization_id != before.organization_id:
                require(
                    request.caller.administers_organization(after.organization_id),
                    "You may move a team between organizations that you administer.",
                    param="organization_id",
                )

        team = await self._change(request, id, "team.updated", change, check)
        return await self._shapes.one(team, request), tuple(name for name in team.ignored if name in request.body)

    async def block(self, request: Request) -> Answer:
        """Stop all of a team's keys from working until it is unblocked."""
        return await self._set_blocked(request, blocked=True)

    async def unblock(self, request: Request) -> Answer:
        """Let a blocked team's keys work again."""
        return await self._set_blocked(request, blocked=False)

    async def add_models(self, request: Request) -> Answer:
        """Let a team use further models; one without a list has all of them, and keeps them."""
        id, models = _models(request)

        def change(before: TeamRecord) -> TeamRecord:
            _require_above(request.caller, before)
            return _with(
                before, request, models=tuple(dict.fromkeys((*(before.models or (ALL_PROXY_MODELS,)), *models)))
            )

        return Answer(await self._shapes.one(await self._change(request, id, "team.updated", change), request))

    async def delete_models(self, request: Request) -> Answer:
        """Take models from a team; what would leave none of a list is refused, since no list means every model."""
        id, models = _models(request)

        def change(before: TeamRecord) -> TeamRecord:
            left = tuple(model for model in before.models if model not in models)
            if before.models and not left:
                raise InvalidRequest(
                    "This would leave an empty list, which allows every model; 'no-default-models' allows none.",
                    param="models",
                )
            return _with(before, request, models=left)

        return Answer(await self._shapes.one(await self._change(request, id, "team.updated", change), request))

    async def delete(self, request: Request) -> Answer:
        """Delete teams with their keys and memberships, all of them or none."""
        ids = read_deleted(request.body, "team_ids", "team", most=MOST_AT_ONCE)

        async def work(session: Session) -> tuple[Taken, list[Deed]]:
            taken = Taken()
            for id in ids:
                team = await self._found(id, request.caller, session, param="team_ids")
                _require_above(request.caller, team)
                await self._taking.team(team, taken, session)
            return taken, taken.deeds

        taken = await self._recorder.carry_out(request, work)
        return Answer({"deleted_teams": list(ids), **taken.shape})

    async def _set_blocked(self, request: Request, *, blocked: bool) -> Answer:
        _ONE.sort_out(request.body)
        id = Fields(request.body).needed_text("team_id")

        def change(before: TeamRecord) -> TeamRecord:
            _require_above(request.caller, before)
            return _with(before, request, blocked=blocked)

        team = await self._change(request, id, "team.blocked" if blocked else "team.unblocked", change)
        return Answer(await self._shapes.one(team, request))

    async def _change(
        self, request: Request, id: str, action: str, change: Change, check: Check | None = None
    ) -> TeamRecord:
        """Replace a team by what `change` makes of it, read and written in one transaction."""

        async def work(session: Session) -> tuple[TeamRecord, list[Deed]]:
            before = await self._found(id, request.caller, session)
            refuse_declared(before, "team", "team_id")
            after = change(before)
            if check is not None:
                check(before, after, await self._spending.limits(before), await self._spending.limits(after))
            await self._check_references(after, session, before)
            await self._people.teams.replace(after, session)
            return after, [Deed("team", id, action, team_shape(before), team_shape(after))]

        return await self._recorder.carry_out(request, work)

    async def _found(self, id: str, caller: Caller, session: Session, *, param: str = "team_id") -> TeamRecord:
        team = await self._people.teams.find(id, session)
        allowed = caller.administers_team(id, team.organization_id if team else "")
        require(allowed, f"You may not change the team '{id}'.", param=param)
        if team is None:
            raise NotFound(f"There is no team '{id}'.", param=param)
        return team

    async def _check_references(self, team: TeamRecord, session: Session, before: TeamRecord | None) -> None:
        """Raise an error that names the field where a team refers to nothing, or has more than its organization."""
        for name in set(team.guardrails) - set(before.guardrails if before else ()):
            if name not in self._guardrails:
                raise InvalidRequest(f"There is no guardrail '{name}'.", param="guardrails")
        if before is None or team.budget_id != before.budget_id:
            await self._people.check_budget(team.budget_id, session)
        if not team.organization_id:
            return
        organization = await self._people.organizations.find(team.organization_id, session)
        if organization is None:
            raise InvalidRequest(f"There is no organization '{team.organization_id}'.", param="organization_id")
        limits, giver = await self._spending.limits(team), await self._spending.limits(organization)
        check_within_organization(team, limits, organization, giver)

    async def _join(self, wanted: NewTeam, request: Request, session: Session) -> list[Deed]:
        deeds: list[Deed] = []
        for person in wanted.members:
            _, member, made = await self._joining.join("team", wanted.record.id, person, request, session)
            deeds += [*made, Deed("member", member.id, "team.member_added", after=deed_shape(member))]
        return deeds


def _models(request: Request) -> tuple[str, Sequence[str]]:
    _MODELS.sort_out(request.body)
    fields = Fields(request.body)
    models = fields.texts("models")
    if not models:
        fields.wrong("models", "must name at least one model")
    return fields.needed_text("team_id"), models


def _require_above(caller: Caller, team: TeamRecord) -> None:
    """Raise `Forbidden` for who administers the team alone: this may only be done from above it."""
    require(
        caller.administers_organization(team.organization_id),
        "Only administrators of the organization and proxy administrators may do this to a team.",
        param="team_id",
    )


def _with(team: TeamRecord, request: Request, **changes: Any) -> TeamRecord:
    return msgspec.structs.replace(team, updated_at=request.now, updated_by=request.actor_name, **changes)
