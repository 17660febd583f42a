"""Users, teams and organizations."""

from services.admin.domain.defaults import as_body
from services.admin.domain.key_bounds import rules_of
from services.admin.first_keys import FirstKeys
from services.admin.handlers import Handler
from services.admin.joining import Joining
from services.admin.key_shapes import KeyShapes
from services.admin.members import MemberRoutes
from services.admin.organization_members import OrganizationMemberRoutes
from services.admin.organizations import OrganizationRoutes
from services.admin.people import People
from services.admin.recording import Recorder
from services.admin.spending import Spending
from services.admin.taking import Taking
from services.admin.team_shapes import TeamShapes
from services.admin.team_views import TeamViews
from services.admin.teams import TeamRoutes
from services.admin.user_views import UserViews
from services.admin.users import UserRoutes
from shared.settings import Runtime
from shared.store.connection import Store
from shared.store.keys import Keys


def people_table(store: Store, recorder: Recorder, runtime: Runtime) -> dict[str, Handler]:
    """Return the handlers by the names of their routes."""
    defaults = runtime.configuration.defaults
    of_users, of_teams = as_body(defaults.users), as_body(defaults.teams)
    guardrails = frozenset(guardrail.name for guardrail in runtime.configuration.guardrails)
    people, keys, spending = People(store), Keys(store), Spending(store, runtime.configuration.limits.time_zone)
    joining, taking = Joining(people, of_users), Taking(people, keys)
    teams, key_shapes = TeamShapes(people, spending), KeyShapes(spending)
    user = UserRoutes(people, keys, taking, recorder, _first_keys(runtime), spending, of_users)
    user_view = UserViews(people, keys, spending, teams, key_shapes)
    team = TeamRoutes(people, joining, taking, teams, spending, recorder, of_teams, guardrails)
    team_view = TeamViews(people, keys, teams, key_shapes)
    member = MemberRoutes(people, joining, taking, teams, recorder)
    organization = OrganizationRoutes(people, taking, teams, spending, recorder)
    organization_member = OrganizationMemberRoutes(people, joining, taking, recorder)
    return {
        "user_new": user.new,
        "user_info": user_view.info,
        "user_info_v2": user_view.info_v2,
        "user_update": user.update,
        "user_delete": user.delete,
        "user_list": user_view.list,
        "team_new": team.new,
        "team_info": team_view.info,
        "team_update": team.update,
        "team_patch": team.patch,
        "team_delete": team.delete,
        "team_block": team.block,
        "team_unblock": team.unblock,
        "team_list": team_view.list,
        "team_list_v2": team_view.list_v2,
        "team_available": team_view.available,
        "team_member_add": member.add,
        "team_member_update": member.update,
        "team_member_delete": member.delete,
        "team_member_me": team_view.me,
        "team_model_add": team.add_models,
        "team_model_delete": team.delete_models,
        "organization_new": organization.new,
        "organization_info": organization.info,
        "organization_info_of_many": organization.info_of_many,
        "organization_list": organization.list,
        "organization_update": organization.update,
        "organization_update_post": organization.update,
        "organization_patch": organization.update,
        "organization_delete": organization.delete,
        "organization_delete_post": organization.delete,
        "organization_member_add": organization_member.add,
        "organization_member_update": organization_member.update,
        "organization_member_update_post": organization_member.update,
        "organization_member_delete": organization_member.delete,
        "organization_member_delete_post": organization_member.delete,
    }


def _first_keys(runtime: Runtime) -> FirstKeys:
    return FirstKeys(runtime.secret, rules_of(as_body(runtime.configuration.defaults.keys)))
