"""What is asked of LiteLLM's database.

Every query gives rows of three JSON objects: the object, the budget that it refers to, and what else belongs to it. A
row comes as JSON whatever columns its version of LiteLLM has, so older and newer ones read the same.
"""

NEEDED = ("LiteLLM_VerificationToken", "LiteLLM_UserTable", "LiteLLM_TeamTable", "LiteLLM_BudgetTable")
"""Tables without which it is no database of LiteLLM's."""

_PLAIN = 'SELECT to_jsonb(o), {budget}, NULL::jsonb FROM "{table}" o {join} ORDER BY {order}'
_JOIN = 'LEFT JOIN "LiteLLM_BudgetTable" b ON b.budget_id = o.budget_id'


def _with_budget(table: str, order: str) -> str:
    return _PLAIN.format(table=table, order=order, budget="to_jsonb(b)", join=_JOIN)


def _alone(table: str, order: str) -> str:
    return _PLAIN.format(table=table, order=order, budget="NULL::jsonb", join="")


BUDGETS = _alone("LiteLLM_BudgetTable", "o.created_at, o.budget_id")
ORGANIZATIONS = _with_budget("LiteLLM_OrganizationTable", "o.created_at, o.organization_id")
USERS = _alone("LiteLLM_UserTable", "o.created_at NULLS FIRST, o.user_id")
CUSTOMERS = _with_budget("LiteLLM_EndUserTable", "o.user_id")
KEYS = _with_budget("LiteLLM_VerificationToken", "o.created_at NULLS FIRST, o.token")
ORGANIZATION_MEMBERS = _with_budget("LiteLLM_OrganizationMembership", "o.organization_id, o.user_id")
CREDENTIALS = _alone("LiteLLM_CredentialsTable", "o.created_at, o.credential_name")
MODELS = _alone("LiteLLM_ProxyModelTable", "o.created_at, o.model_id")

TEAMS = """
SELECT to_jsonb(o), to_jsonb(b), (SELECT m.aliases FROM "LiteLLM_ModelTable" m WHERE m.id = o.model_id)
FROM "LiteLLM_TeamTable" o
LEFT JOIN "LiteLLM_BudgetTable" b ON b.budget_id = o.metadata->>'team_member_budget_id'
ORDER BY o.created_at, o.team_id
"""
"""The budget is the one that each of the team's members has."""

TEAM_MEMBERS = """
SELECT DISTINCT ON (m.team_id, m.user_id) to_jsonb(m), to_jsonb(b), to_jsonb(s)
FROM (
    SELECT t.team_id, t.created_at, e.value->>'role' AS role, COALESCE(
        e.value->>'user_id',
        (SELECT u.user_id FROM "LiteLLM_UserTable" u WHERE u.user_email = e.value->>'user_email' LIMIT 1)
    ) AS user_id, e.value->>'user_email' AS user_email
    FROM "LiteLLM_TeamTable" t
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(t.members_with_roles)
            WHEN 'array' THEN t.members_with_roles
            WHEN 'string' THEN (t.members_with_roles #>> '{}')::jsonb
            ELSE '[]'::jsonb
        END
    ) e
) m
LEFT JOIN "LiteLLM_TeamMembership" s ON s.team_id = m.team_id AND s.user_id = m.user_id
LEFT JOIN "LiteLLM_BudgetTable" b ON b.budget_id = s.budget_id
ORDER BY m.team_id, m.user_id
"""
"""A team lists its members; what one of them spent there and may spend stands in a table of its own."""

RESTRICTING = """
SELECT object_permission_id FROM "LiteLLM_ObjectPermissionTable" WHERE cardinality(models) > 0
"""
"""Object permissions that restrict models; all others are about tools and stores that Tollway does not have."""

OUTSIDE = {
    "LiteLLM_DeprecatedVerificationToken": "keys that were made anew, in their grace period",
    "LiteLLM_TagTable": "tags with budgets of their own",
    "LiteLLM_ProjectTable": "projects",
    "LiteLLM_AccessGroupTable": "access groups",
    "LiteLLM_GuardrailsTable": "guardrails; they are declared in tollway.yaml",
    "LiteLLM_PolicyTable": "policies",
    "LiteLLM_MCPServerTable": "MCP servers",
    "LiteLLM_AgentsTable": "agents",
    "LiteLLM_Config": "settings of LiteLLM's page; they are declared in tollway.yaml",
}
"""Tables that are only counted, and what stands in them."""
