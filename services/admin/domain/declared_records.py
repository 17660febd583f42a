"""The objects of the configuration file as the store has them."""

from collections.abc import Iterator
from typing import Any

from services.admin.domain.declared_members import declared_members
from services.admin.domain.key_ids import masked
from shared.pricing.money import to_nano
from shared.schemas.limits import Limits, ModelLimits
from shared.security.keys import key_digest, stored_hash
from shared.settings import Configuration
from shared.settings.declared import (
    DeclaredBudget,
    DeclaredCustomer,
    DeclaredKey,
    DeclaredLimits,
    DeclaredObject,
    DeclaredOrganization,
    DeclaredTeam,
    DeclaredUser,
)
from shared.store.budgets import BudgetRecord
from shared.store.declarations import Declared
from shared.store.keys import KeyRecord
from shared.store.people import CustomerRecord, MembershipRecord, OrganizationRecord, TeamRecord, UserRecord

DeclaredRecord = (
    BudgetRecord | UserRecord | OrganizationRecord | TeamRecord | MembershipRecord | CustomerRecord | KeyRecord
)

AUTHOR = "configuration file"
"""Who made and changes them."""


def declared_records(configuration: Configuration, secret: bytes) -> dict[Declared, DeclaredRecord]:
    """Return every declared object; times are 0, since the file says none. `secret` is the key of stored hashes."""
    return dict(_records(configuration, secret))


def _records(configuration: Configuration, secret: bytes) -> Iterator[tuple[Declared, DeclaredRecord]]:
    for budget in configuration.budgets:
        yield Declared("budget", budget.budget_id), _budget(budget)
    for user in configuration.users:
        yield Declared("user", user.user_id), _user(user)
    for organization in configuration.organizations:
        yield Declared("organization", organization.organization_id), _organization(organization)
    for team in configuration.teams:
        yield Declared("team", team.team_id), _team(team)
    for member in declared_members(configuration):
        yield Declared("member", member.id), member
    for customer in configuration.customers:
        yield Declared("customer", customer.user_id), _customer(customer)
    for key in configuration.keys:
        record = _key(key, secret)
        yield Declared("key", record.hash), record


def _budget(section: DeclaredBudget) -> BudgetRecord:
    return BudgetRecord(section.budget_id, 0.0, limits_of(section), declared=True, created_by=AUTHOR)


def _user(section: DeclaredUser) -> UserRecord:
    return UserRecord(
        section.user_id,
        0.0,
        email=section.user_email,
        alias=section.user_alias,
        role=section.user_role,
        models=section.models,
        **_managed(section),
    )


def _organization(section: DeclaredOrganization) -> OrganizationRecord:
    return OrganizationRecord(
        section.organization_id,
        0.0,
        alias=section.organization_alias,
        models=section.models,
        **_managed(section),
    )


def _team(section: DeclaredTeam) -> TeamRecord:
    return TeamRecord(
        section.team_id,
        0.0,
        alias=section.team_alias,
        organization_id=section.organization_id,
        models=section.models,
        model_aliases=section.model_aliases,
        blocked=section.blocked,
        guardrails=section.guardrails,
        tags=section.tags,
        **_managed(section),
    )


def _customer(section: DeclaredCustomer) -> CustomerRecord:
    return CustomerRecord(
        section.user_id,
        0.0,
        alias=section.alias,
        blocked=section.blocked,
        models=section.models,
        **_managed(section),
    )


def _key(section: DeclaredKey, secret: bytes) -> KeyRecord:
    value = section.key.get_secret_value() if section.key is not None else ""
    digest = section.key_hash or key_digest(value)
    return KeyRecord(
        stored_hash(digest, secret),
        masked(value),
        0.0,
        key_alias=section.key_alias,
        models=section.models,
        blocked=section.blocked,
        user_id=section.user_id,
        team_id=section.team_id,
        organization_id=section.organization_id,
        aliases=section.aliases,
        tags=section.tags,
        allowed_routes=section.allowed_routes,
        guardrails=section.guardrails,
        **_managed(section),
    )


def _managed(section: DeclaredObject) -> dict[str, Any]:
    """Return what every record has of its section."""
    return {
        "limits": limits_of(section),
        "budget_id": section.budget_id,
        "metadata": section.metadata,
        "declared": True,
        "created_by": AUTHOR,
    }


def limits_of(section: DeclaredLimits) -> Limits:
    """Return the limits that a section states, money in nano-dollars."""
    return Limits(
        rpm=section.rpm_limit,
        tpm=section.tpm_limit,
        parallel=section.max_parallel_requests,
        max_budget=_nano(section.max_budget),
        soft_budget=_nano(section.soft_budget),
        budget_duration=section.budget_duration or "",
        models=_models(section),
    )


def _models(section: DeclaredLimits) -> dict[str, ModelLimits]:
    names = dict.fromkeys((*section.model_max_budget, *section.model_rpm_limit, *section.model_tpm_limit))
    found = {}
    for name in names:
        budget = section.model_max_budget.get(name)
        found[name] = ModelLimits(
            rpm=section.model_rpm_limit.get(name),
            tpm=section.model_tpm_limit.get(name),
            max_budget=_nano(budget.max_budget) if budget is not None else None,
            budget_duration=(budget.budget_duration or "") if budget is not None else "",
        )
    return found


def _nano(dollars: float | None) -> int | None:
    return None if dollars is None else to_nano(dollars)
