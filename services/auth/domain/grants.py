"""Which models a key may use: its own list within those of its team, member, organization or user."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from shared.schemas.model_lists import ALL_TEAM_MODELS, EVERYTHING, NO_DEFAULT_MODELS, allows
from shared.store.keys import KeyRecord
from shared.store.people import MembershipRecord, OrganizationRecord, TeamRecord, UserRecord

Models = tuple[str, ...]

Members = Callable[[str], Models]
"""Returns the model groups of an access group; none when there is no such group."""


@dataclass(frozen=True, slots=True)
class Grants:
    """Lists of models, each of which must allow a model; a list that allows all is not among them."""

    own: tuple[Models, ...] = ()
    """The key's, and the member's."""
    around: tuple[Models, ...] = ()
    """The team's and the organization's; for a key without a team its user's."""
    team_aliases: Mapping[str, str] | None = None
    key_aliases: Mapping[str, str] | None = None

    def target(self, asked: str) -> str:
        """Return the model group that a caller means: the team's aliases apply first, then the key's."""
        if self.team_aliases:
            asked = self.team_aliases.get(asked, asked)
        if self.key_aliases:
            asked = self.key_aliases.get(asked, asked)
        return asked

    def allow(self, asked: str, target: str, also: Models = ()) -> bool:
        """Tell whether a caller may use the model group `target`, for which it said `asked`.

        The key's list may name a model as the team calls it: an alias of the team's is a name that the team gave.
        """
        by_the_team = self.team_aliases is not None and self.team_aliases.get(asked) == target
        for models in self.own:
            if not (allows(models, target, also) or (by_the_team and allows(models, asked))):
                return False
        return all(allows(models, target, also) for models in self.around)


NO_LIMIT = Grants()


def grants_of(
    key: KeyRecord,
    *,
    user: UserRecord | None,
    team: TeamRecord | None,
    member: MembershipRecord | None,
    organization: OrganizationRecord | None,
    members: Members,
) -> Grants:
    """Return what a key may use, with access groups replaced by their members."""
    own = [limit(key.models, members)]
    around = []
    if member is not None:
        own.append(limit(member.models, members))
    if team is not None:
        around.append(limit(team.models, members))
    elif user is not None:
        around.append((NO_DEFAULT_MODELS,) if NO_DEFAULT_MODELS in user.models else limit(user.models, members))
    if organization is not None:
        around.append(limit(organization.models, members))
    return Grants(_distinct(own), _distinct(around), team.model_aliases if team is not None else None, key.aliases)


def limit(models: Models, members: Members) -> Models:
    """Return a list of models with the members of its access groups; an empty one where it is no limit.

    On a key `all-team-models` is no limit either: its team's list is checked in any case.
    """
    if ALL_TEAM_MODELS in models or not EVERYTHING.isdisjoint(models):
        return ()
    return tuple(dict.fromkeys((*models, *(member for name in models for member in members(name)))))


def _distinct(lists: Iterable[Models]) -> tuple[Models, ...]:
    return tuple(dict.fromkeys(models for models in lists if models))
