"""The user that is made by a token."""

from services.auth.domain.jwt_claims import Claimed
from services.auth.domain.newcomer import audit_entry, newcomer
from shared.schemas.limits import Limits
from shared.settings.defaults import UserDefaults
from shared.settings.jwt import JwtIssuer

ISSUER = JwtIssuer(issuer="https://login.example", audience=("t",), default_role="internal_user_viewer")


def test_a_newcomer_gets_what_new_users_get() -> None:
    """Money in nano-dollars, and a period that begins now."""
    defaults = UserDefaults(models=("m",), max_budget=1.5, budget_duration="30d", rpm_limit=3)
    made = newcomer(Claimed(user="a"), ISSUER, defaults, email="a@corp.example", now=100.0)
    assert made.limits == Limits(rpm=3, max_budget=1_500_000_000, budget_duration="30d", budget_since=100.0)
    assert (made.models, made.email, made.sso_id) == (("m",), "a@corp.example", "a")


def test_a_newcomer_is_what_the_issuers_users_are() -> None:
    """Whatever its first token made of it: that ends with the token."""
    made = newcomer(Claimed(user="a", role="proxy_admin"), ISSUER, UserDefaults(), email="", now=1.0)
    assert (made.role, made.limits) == ("internal_user_viewer", Limits())


def test_the_audit_says_where_it_came_from() -> None:
    """Who, from where, by which request."""
    made = newcomer(Claimed(user="a"), ISSUER, UserDefaults(), email="", now=1.0)
    entry = audit_entry(made, request="r1", client="192.0.2.1")
    assert (entry.actor, entry.object, entry.action, entry.client, entry.request_id) == (
        "a", "a", "user.added", "192.0.2.1", "r1"
    )  # fmt: skip
