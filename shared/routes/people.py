"""The `/user`, `/team` and `/organization` routes."""

from shared.routes.personas import ADMIN, ADMINS_ONLY, GROUP_ADMINS, HOLDERS, KEY_MAKERS, USERS, VIEWERS
from shared.routes.policy import Persona, Route, managed

_ORGANIZATION_ADMIN: frozenset[Persona] = frozenset({"organization_admin"})
_MEMBERS: frozenset[Persona] = frozenset({"team_admin", "internal_user", "internal_user_viewer"})

_BY_ORGANIZATION_ADMINS = managed(everywhere=ADMIN, own=_ORGANIZATION_ADMIN)
_BY_GROUP_ADMINS = managed(everywhere=ADMIN, own=GROUP_ADMINS)
_SHOWN_TO_USERS = managed(everywhere=VIEWERS, own=USERS)
_SHOWN_TO_HOLDERS = managed(everywhere=VIEWERS, own=HOLDERS)
_SHOWN_TO_ORGANIZATION_ADMINS = managed(everywhere=VIEWERS, own=_ORGANIZATION_ADMIN)

USER_ROUTES: tuple[Route, ...] = (
    Route("user_new", "POST", ("/user/new",), _BY_ORGANIZATION_ADMINS, summary="Make a user, with a first key."),
    Route("user_info", "GET", ("/user/info",), _SHOWN_TO_USERS, summary="Tell about a user, with keys and teams."),
    Route("user_info_v2", "GET", ("/v2/user/info",), _SHOWN_TO_USERS, summary="Tell about a user alone."),
    Route(
        "user_update",
        "POST",
        ("/user/update",),
        managed(everywhere=ADMIN, own=KEY_MAKERS),
        summary="Change a user.",
    ),
    Route(
        "user_delete",
        "POST",
        ("/user/delete",),
        _BY_ORGANIZATION_ADMINS,
        summary="Delete users with their keys and memberships.",
    ),
    Route("user_list", "GET", ("/user/list",), _SHOWN_TO_ORGANIZATION_ADMINS, summary="List users, in pages."),
)

TEAM_ROUTES: tuple[Route, ...] = (
    Route("team_new", "POST", ("/team/new",), _BY_ORGANIZATION_ADMINS, summary="Make a team."),
    Route("team_info", "GET", ("/team/info",), _SHOWN_TO_HOLDERS, summary="Tell about a team, members and keys."),
    Route("team_update", "POST", ("/team/update",), _BY_GROUP_ADMINS, summary="Change a team."),
    Route("team_patch", "PATCH", ("/team/{team_id}",), _BY_GROUP_ADMINS, summary="Change a team."),
    Route(
        "team_delete",
        "POST",
        ("/team/delete",),
        _BY_ORGANIZATION_ADMINS,
        summary="Delete teams with their keys and memberships.",
    ),
    Route("team_block", "POST", ("/team/block",), _BY_ORGANIZATION_ADMINS, summary="Block a team's keys."),
    Route("team_unblock", "POST", ("/team/unblock",), _BY_ORGANIZATION_ADMINS, summary="Let a team's keys work again."),
    Route("team_list", "GET", ("/team/list",), _SHOWN_TO_HOLDERS, summary="List teams."),
    Route("team_list_v2", "GET", ("/v2/team/list",), _SHOWN_TO_HOLDERS, summary="List teams, in pages."),
    Route(
        "team_available",
        "GET",
        ("/team/available",),
        managed(everywhere=frozenset(), own=VIEWERS | USERS),
        summary="List the teams that anybody may join: none.",
    ),
    Route("team_member_add", "POST", ("/team/member_add",), _BY_GROUP_ADMINS, summary="Add members to a team."),
    Route(
        "team_member_update",
        "POST",
        ("/team/member_update",),
        _BY_GROUP_ADMINS,
        summary="Change a member's role and limits within a team.",
    ),
    Route(
        "team_member_delete",
        "POST",
        ("/team/member_delete",),
        _BY_GROUP_ADMINS,
        summary="Remove a member with its keys within the team.",
    ),
    Route(
        "team_member_me",
        "GET",
        ("/team/{team_id}/members/me",),
        managed(everywhere=frozenset(), own=_MEMBERS),
        summary="Tell what the caller may use within a team.",
    ),
    Route(
        "team_model_add",
        "POST",
        ("/team/model/add",),
        _BY_ORGANIZATION_ADMINS,
        summary="Let a team use further models.",
    ),
    Route("team_model_delete", "POST", ("/team/model/delete",), _BY_GROUP_ADMINS, summary="Take models from a team."),
)

_CHANGE, _REMOVE = "Change an organization.", "Delete organizations with their teams, keys and memberships."
_MEMBER_CHANGE, _MEMBER_REMOVE = "Change a member's role.", "Remove a member from an organization."

ORGANIZATION_ROUTES: tuple[Route, ...] = (
    Route("organization_new", "POST", ("/organization/new",), ADMINS_ONLY, summary="Make an organization."),
    Route(
        "organization_info",
        "GET",
        ("/organization/info",),
        _SHOWN_TO_ORGANIZATION_ADMINS,
        summary="Tell about an organization, members and teams.",
    ),
    Route(
        "organization_info_of_many",
        "POST",
        ("/organization/info",),
        _SHOWN_TO_ORGANIZATION_ADMINS,
        summary="Tell about several organizations.",
    ),
    Route("organization_list", "GET", ("/organization/list",), _SHOWN_TO_USERS, summary="List organizations."),
    Route("organization_update", "PATCH", ("/organization/update",), ADMINS_ONLY, summary=_CHANGE),
    Route("organization_update_post", "POST", ("/organization/update",), ADMINS_ONLY, summary=_CHANGE),
    Route("organization_patch", "PATCH", ("/v2/organization/{organization_id}",), ADMINS_ONLY, summary=_CHANGE),
    Route("organization_delete", "DELETE", ("/organization/delete",), ADMINS_ONLY, summary=_REMOVE),
    Route("organization_delete_post", "POST", ("/organization/delete",), ADMINS_ONLY, summary=_REMOVE),
    Route(
        "organization_member_add",
        "POST",
        ("/organization/member_add",),
        _BY_ORGANIZATION_ADMINS,
        summary="Add members to an organization.",
    ),
    Route(
        "organization_member_update",
        "PATCH",
        ("/organization/member_update",),
        _BY_ORGANIZATION_ADMINS,
        summary=_MEMBER_CHANGE,
    ),
    Route(
        "organization_member_update_post",
        "POST",
        ("/organization/member_update",),
        _BY_ORGANIZATION_ADMINS,
        summary=_MEMBER_CHANGE,
    ),
    Route(
        "organization_member_delete",
        "DELETE",
        ("/organization/member_delete",),
        _BY_ORGANIZATION_ADMINS,
        summary=_MEMBER_REMOVE,
    ),
    Route(
        "organization_member_delete_post",
        "POST",
        ("/organization/member_delete",),
        _BY_ORGANIZATION_ADMINS,
        summary=_MEMBER_REMOVE,
    ),
)

PEOPLE_ROUTES = (*USER_ROUTES, *TEAM_ROUTES, *ORGANIZATION_ROUTES)
