"""Where in the configuration file a declared object refers to another one. Pure."""

from collections.abc import Iterable, Sequence

from services.admin.domain.declared_records import DeclaredRecord
from shared.errors import InvalidRequest
from shared.schemas.control import ChangeKind
from shared.settings import Configuration
from shared.settings.problems import Place, Problem
from shared.store.keys import KeyRecord
from shared.store.people import CustomerRecord, MembershipRecord, OrganizationRecord, TeamRecord, UserRecord


class DeclarationRefused(InvalidRequest):
    """The configuration file refers to what there is not; nothing of it was applied."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem
        """With the place, for those who have the file and can tell the line."""


def place_of(record: DeclaredRecord, referred: ChangeKind, configuration: Configuration) -> Place | None:
    """Return where the file's `record` names an object of the kind `referred`; None where it stands nowhere."""
    match record:
        case KeyRecord():
            found = _at("keys", (key.key_alias for key in configuration.keys), record.key_alias)
        case UserRecord():
            found = _at("users", (user.user_id for user in configuration.users), record.id)
        case TeamRecord():
            found = _at("teams", (team.team_id for team in configuration.teams), record.id)
        case OrganizationRecord():
            found = _at("organizations", (one.organization_id for one in configuration.organizations), record.id)
        case CustomerRecord():
            found = _at("customers", (one.user_id for one in configuration.customers), record.id)
        case MembershipRecord():
            found = _member(record, configuration)
        case _:
            found = None
    return None if found is None else (*found, f"{referred}_id")


def _member(record: MembershipRecord, configuration: Configuration) -> Place | None:
    members: Sequence[tuple[str, Sequence[str]]]
    if record.kind == "team":
        members = [(team.team_id, [one.user_id for one in team.members]) for team in configuration.teams]
    else:
        members = [
            (organization.organization_id, [one.user_id for one in organization.members])
            for organization in configuration.organizations
        ]
    group = _at(f"{record.kind}s", (id for id, _ in members), record.group)
    if group is None:
        return None
    users = dict(members)[record.group]
    return (*group, *(_at("members", users, record.user) or ()))


def _at(section: str, names: Iterable[str], name: str) -> Place | None:
    return next(((section, index) for index, each in enumerate(names) if each == name), None)
