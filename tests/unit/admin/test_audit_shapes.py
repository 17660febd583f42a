"""Audit entries as they are shown."""

from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.audit_shapes import audit_shape, objects_named
from shared.store.audit import AuditEntry
from shared.store.people import membership_id

IDS = st.text("ab/é ", min_size=1, max_size=6)


def entry(object: str) -> AuditEntry:
    """Return an entry about an object."""
    return AuditEntry(at=1.0, actor="k", actor_name="k", action="team.member_added", kind="member", object=object)


@given(st.sampled_from(["team", "organization"]), IDS, IDS)
def test_what_an_entry_shows_of_a_membership_finds_it(kind: str, group: str, user: str) -> None:
    """Its parts are joined by slashes, and that text asks for it, whatever slashes its parts hold."""
    id = membership_id(kind, group, user)  # type: ignore[arg-type]
    shown = audit_shape(entry(id))["object_id"]
    assert shown == f"{kind}/{group}/{user}"
    assert id in objects_named(shown)
    assert id in objects_named(id)


def test_other_ids_stand_for_themselves() -> None:
    """An id that is no membership's is looked for as it is."""
    assert objects_named("a/b/c") == ("a/b/c",)
    assert audit_shape(entry("a/b"))["object_id"] == "a/b"
