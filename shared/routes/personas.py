"""The sets of personas that management routes are for, and the policies that most of them have."""

from shared.routes.policy import Persona, managed

ADMIN: frozenset[Persona] = frozenset({"proxy_admin"})
VIEWERS: frozenset[Persona] = ADMIN | {"proxy_admin_viewer"}
GROUP_ADMINS: frozenset[Persona] = frozenset({"organization_admin", "team_admin"})
KEY_MAKERS: frozenset[Persona] = GROUP_ADMINS | {"internal_user"}
USERS: frozenset[Persona] = KEY_MAKERS | {"internal_user_viewer"}
HOLDERS: frozenset[Persona] = USERS | {"key_holder"}

ADMINS_ONLY = managed(everywhere=ADMIN)
SHOWN_TO_VIEWERS = managed(everywhere=VIEWERS)
SHOWN_TO_HOLDERS = managed(everywhere=VIEWERS, own=HOLDERS)
