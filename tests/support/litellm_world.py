"""What a company keeps in LiteLLM's database, for tests of the import."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.litellm_database import (
    LiteLLMDatabase,
    encrypted,
    encrypted_by_aes,
    encrypted_params,
    token_of,
)

SALT = "sk-salt-of-litellm"
KEY = "sk-a-clients-old-key"
TEAM_KEY = "sk-a-team-members-key"
OPENAI_KEY = "sk-canary-of-the-provider"


def at(**ago: float) -> str:
    """Return a moment before now, or after it for negative numbers, as PostgreSQL has it."""
    return (datetime.now(UTC) - timedelta(**ago)).replace(tzinfo=None).isoformat(timespec="milliseconds")


def by(name: str = "default_user_id") -> dict[str, str]:
    """Return the columns of who made something."""
    return {"created_by": name, "updated_by": name}


def fill(database: LiteLLMDatabase) -> None:
    """Fill an empty database with one of everything."""
    add = database.add
    add("BudgetTable", budget_id="b-org", max_budget=1000.0, budget_duration="30d", budget_reset_at=at(days=-9), **by())
    add("BudgetTable", budget_id="b-member", max_budget=2.0, allowed_models=["demo"], **by())
    add("BudgetTable", budget_id="b-customers", max_budget=5.0, rpm_limit=10, **by())
    add("BudgetTable", budget_id="b-each", max_budget=3.0, budget_duration="1d", rpm_limit=7, **by())
    add("OrganizationTable", organization_id="org", organization_alias="Org", budget_id="b-org", spend=12.5, **by())
    add(
        "UserTable", user_id="ann", user_email="ann@example.com", user_role="proxy_admin", spend=4.0, max_budget=50.0,
        budget_duration="45d", budget_reset_at=at(days=-15), password="scrypt:x", created_at=at(days=90),
    )  # fmt: skip
    add("UserTable", user_id="bob", user_email="bob@example.com", user_role="org_admin")
    add("ModelTable", id=7, aliases={"gpt": "demo"}, **by())
    add(
        "TeamTable", team_id="team", team_alias="Team", organization_id="org", max_budget=10.0, spend=3.25,
        models=["demo"], model_id=7, tpm_limit=100_000, team_member_permissions=["/key/generate"],
        metadata={"team_member_budget_id": "b-each", "cost_center": "é", "logging": [{"secret": "canary-of-logging"}]},
        members_with_roles=[{"role": "admin", "user_id": "ann"}, {"role": "user", "user_email": "bob@example.com"}],
    )  # fmt: skip
    add("TeamMembership", team_id="team", user_id="bob", budget_id="b-member", spend=1.75)
    add("OrganizationMembership", organization_id="org", user_id="bob", user_role="org_admin")
    add(
        "VerificationToken", token=token_of(KEY), key_name="sk-...-key", key_alias="old", user_id="ann", spend=0.75,
        max_budget=1.0, budget_duration="30d", budget_reset_at=at(days=-3), models=["demo"], rpm_limit=60,
        metadata={"tags": ["prod"], "model_rpm_limit": {"demo": 50}, "note": "kept"}, expires=at(days=-30),
        created_at=at(days=60), created_by="ann",
    )  # fmt: skip
    add("VerificationToken", token=token_of(TEAM_KEY), key_name="sk-...-key", team_id="team", user_id="bob", spend=2.0)
    add("EndUserTable", user_id="customer-1", budget_id="b-customers", spend=4.5)
    add("EndUserTable", user_id="customer-2", blocked=True)
    add(
        "CredentialsTable", credential_id="c", credential_name="openai",
        credential_values={"api_key": encrypted_by_aes(OPENAI_KEY, SALT)},
        credential_info={"custom_llm_provider": "openai"}, **by(),
    )  # fmt: skip
    params: dict[str, Any] = {"model": "openai/gpt-4.1", "api_key": OPENAI_KEY, "rpm": 100, "use_litellm_proxy": False}
    add(
        "ProxyModelTable", model_id="m-1", model_name="gpt", litellm_params=encrypted_params(params, SALT),
        model_info={"id": "m-1", "db_model": True, "access_groups": ["all"]}, **by(),
    )  # fmt: skip
    shared = {"model": "openai/gpt-4.1-mini", "litellm_credential_name": "openai"}
    add("ProxyModelTable", model_id="m-2", model_name="mini", litellm_params=encrypted_params(shared, SALT), **by())


def fill_with_what_cannot_come(database: LiteLLMDatabase) -> None:
    """Add what Tollway has no place for, or must not loosen."""
    add = database.add
    add("VerificationToken", token=token_of("sk-session-0000000000"), team_id="litellm-dashboard", user_id="ann")
    add("VerificationToken", token=token_of("sk-per-day-0000000000"), key_alias="per day", tpd_limit=1000)
    add("VerificationToken", token=token_of("sk-orphan-00000000000"), key_alias="orphan", team_id="gone")
    add("UserTable", user_id="cat", user_email="ann@example.com")
    add("UserTable", user_id="dan", policies=["strict"])
    add("VerificationToken", token=token_of("sk-of-dan-00000000000"), key_alias="of dan", user_id="dan")
    add("TagTable", tag_name="t", models=[])
    bedrock = {"model": "bedrock/anthropic.claude", "aws_secret_access_key": "canary-of-aws"}
    add("ProxyModelTable", model_id="m-3", model_name="b", litellm_params=encrypted_params(bedrock, SALT), **by())
    damaged = {"model": encrypted("openai/gpt-4.1", SALT), "api_key": encrypted("x", "another salt")}
    add("ProxyModelTable", model_id="m-4", model_name="d", litellm_params=damaged, **by())
