"""The bodies of `/organization/new` and `/organization/update` (`docs/compatibility.md`)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.limit_fields import LIMIT_FIELDS, read_limits
from services.admin.domain.metadata_fields import read_metadata
from shared.store.people import OrganizationRecord

ORGANIZATION_FIELDS = FieldPolicy(
    known=LIMIT_FIELDS | {"budget_id", "metadata", "models", "organization_alias", "organization_id"},
    refused={"allowed_models": None, "object_permission": None, "spend": 0, "tpd_limit": None},
    kept=frozenset(),
)


def read_new_organization(body: Mapping[str, Any], *, id: str, now: float, by: str) -> OrganizationRecord:
    """Return what a body asks for; `id` is for an organization that is given none. Raises `InvalidRequest`."""
    ignored = ORGANIZATION_FIELDS.sort_out(body)
    fields = Fields(body)
    fields.needed_text("organization_alias")
    before = OrganizationRecord(fields.text("organization_id") or id, now, created_by=by)
    return msgspec.structs.replace(_changed(fields, before, now), ignored=ignored)


def read_organization_update(
    body: Mapping[str, Any], before: OrganizationRecord, *, now: float, by: str
) -> OrganizationRecord:
    """Return an organization as a body changes it. Raises `InvalidRequest`."""
    ignored = ORGANIZATION_FIELDS.sort_out_update(body, before.ignored)
    return msgspec.structs.replace(_changed(Fields(body), before, now), ignored=ignored, updated_at=now, updated_by=by)


def _changed(fields: Fields, before: OrganizationRecord, now: float) -> OrganizationRecord:
    return msgspec.structs.replace(
        before,
        alias=fields.updated("organization_alias", fields.text, before.alias),
        models=fields.updated("models", fields.texts, before.models),
        limits=read_limits(fields, before.limits, now),
        budget_id=fields.updated("budget_id", fields.text, before.budget_id),
        metadata=read_metadata(fields, before.metadata),
    )
