"""Who changed what."""

from services.admin.audit import AuditRoutes
from services.admin.handlers import Handler
from shared.store.audit import Audit
from shared.store.connection import Store


def audit_table(store: Store) -> dict[str, Handler]:
    """Return the handlers by the names of their routes."""
    audit = AuditRoutes(Audit(store))
    return {"audit_list": audit.list, "audit_one": audit.one}
