"""LiteLLM's budgets. Pure."""

import msgspec

from services.admin.domain.budget_fields import BUDGET, read_new_budget
from tollway.litellm.found import Found, Known, Triple
from tollway.litellm.rows import anchored, author, body_of, moment


def budget(triple: Triple, known: Known) -> Found:
    """Return a budget; raise `InvalidRequest` by the rules of `/budget/new`.

    Models that it allows are those of a member, and come with the membership.
    """
    row = triple.row
    body = body_of(row, BUDGET, dropped=frozenset({"allowed_models"}))
    created = moment(row.get("created_at"))
    record, _ = read_new_budget(body.fields, created, author(row))
    limits = anchored(record.limits, moment(row.get("budget_reset_at")), created)
    record = msgspec.structs.replace(record, limits=limits)
    notes = tuple(name for name in body.notes if name != "allowed_models")
    return Found("budget", record.id, record.id, record, notes=notes)
