"""The `/audit` routes: who changed what."""

import math

from services.admin.domain.audit_shapes import audit_shape, cursor_of, kind_of, objects_named, position_of
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Answer, Request
from services.admin.domain.times import begin_of, end_of
from shared.errors import InvalidRequest, NotFound
from shared.store.audit import EFFECTS, Audit, AuditEntry, AuditFilter

DEFAULT_PAGE, LARGEST_PAGE = 10, 100
LAST_PAGE = 100
"""Further pages are reached by the cursor, which costs the same wherever it is."""

_LIST = FieldPolicy(
    known=frozenset(
        {
            "action",
            "changed_by",
            "changed_by_api_key",
            "cursor",
            "end_date",
            "object_id",
            "page",
            "page_size",
            "request_id",
            "start_date",
            "table_name",
        }
    ),
    refused={"object_team_id": None, "object_key_hash": None, "sort_by": "updated_at", "sort_order": "desc"},
    kept=frozenset(),
)
_ONE = FieldPolicy(frozenset(), {}, frozenset())


class AuditRoutes:
    """Shows audit entries."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def list(self, request: Request) -> Answer:
        """List entries by filters, the newest first; `next_cursor` leads to older ones."""
        _LIST.sort_out(request.query)
        fields = Fields(request.query)
        size = fields.query_count("page_size", default=DEFAULT_PAGE, most=LARGEST_PAGE)
        page = fields.query_count("page", default=1, most=LAST_PAGE)
        since, until = _window(fields)
        cursor = fields.text("cursor")
        found = await self._audit.page(
            _filter(fields),
            since=since,
            until=until or math.nextafter(request.now + 60, math.inf),
            limit=page * size + 1,
            after=position_of(cursor) if cursor else None,
        )
        entries = found[(page - 1) * size : page * size]
        more = len(found) > page * size
        return Answer(
            {
                "audit_logs": [audit_shape(entry) for entry in entries],
                "page": page,
                "page_size": size,
                "next_cursor": cursor_of(entries[-1]) if more else None,
            }
        )

    async def one(self, request: Request) -> Answer:
        """Tell about one entry."""
        _ONE.sort_out(request.query)
        entry: AuditEntry | None = await self._audit.find(Fields(request.path).text("id"))
        if entry is None:
            raise NotFound("There is no such audit entry.", param="id")
        return Answer(audit_shape(entry))


def _filter(fields: Fields) -> AuditFilter:
    action, named = fields.text("action"), fields.text("object_id")
    is_event = "." in action
    if action and not is_event and action not in EFFECTS:
        fields.wrong("action", f"must be one of {', '.join(EFFECTS)}, or an event such as 'key.blocked'")
    return AuditFilter(
        kind=kind_of(fields.text("table_name")),
        objects=objects_named(named) if named else (),
        actor=fields.text("changed_by_api_key"),
        actor_name=fields.text("changed_by"),
        action=action if is_event else "",
        effect="" if is_event else action,
        request_id=fields.text("request_id"),
    )


def _window(fields: Fields) -> tuple[float, float]:
    """Return from when until when; 0 for an end that is not given."""
    begin, end = fields.text("start_date"), fields.text("end_date")
    since = begin_of(begin, "start_date") if begin else 0.0
    until = end_of(end, "end_date") if end else 0.0
    if until and until < since:
        raise InvalidRequest("'end_date' must not be before 'start_date'.", param="end_date")
    return since, until
