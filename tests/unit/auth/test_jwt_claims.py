"""What a verified token makes of its holder."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.auth.domain.jwt_claims import Claimed, claimed, team_for
from services.auth.domain.jwt_standing import needs_user, record_of, standing_of_token
from services.auth.domain.standing import Standing, standing_of
from services.auth.domain.surroundings import Surroundings
from shared.errors import Forbidden, InvalidRequest, Unauthenticated
from shared.settings.jwt import JwtIssuer
from shared.store.people import OrganizationRecord, TeamRecord, UserRecord
from tests.unit.auth.making import RULES


def issuer(**settings: Any) -> JwtIssuer:
    """Return an issuer with these settings."""
    return JwtIssuer.model_validate({"issuer": "https://login.example", "audience": ["tollway"]} | settings)


PLAIN = issuer()
FULL = issuer(
    teams_claim="groups", organization_claim="org", roles_claim="realm_access.roles", admin_scope="tollway:admin",
    roles={"staff": "internal_user", "auditor": "proxy_admin_viewer", "boss": "proxy_admin"}, user_prefix="corp:",
)  # fmt: skip


def test_a_token_tells_its_user() -> None:
    """By `sub` and `email`, unless the operator says otherwise; it gets no role by itself."""
    found = claimed({"sub": "alice", "email": "Alice@Example.com", "scope": "openid tollway:admin"}, PLAIN)
    assert found == Claimed(
        subject="alice", user="alice", email="Alice@Example.com", scopes=frozenset({"openid", "tollway:admin"})
    )


def test_a_token_tells_teams_organization_and_roles() -> None:
    """From the claims that the operator names; the users of an issuer have its prefix."""
    found = claimed(
        {"sub": 7, "groups": ["a", "b", "a"], "org": "acme", "realm_access": {"roles": ["staff", "auditor", "other"]}},
        FULL,
    )
    assert found == Claimed(
        subject="7", user="corp:7", teams=("a", "b"), organization="acme", role="proxy_admin_viewer"
    )


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({}, None),
        ({"scope": "tollway:admin"}, "proxy_admin"),
        ({"scope": ["x", "tollway:admin"]}, "proxy_admin"),
        ({"scope": "tollway:administrator"}, None),
        ({"scope": {"tollway:admin": True}}, None),
        ({"realm_access": {"roles": "staff boss"}}, "proxy_admin"),
        ({"realm_access": {"roles": ["unknown"]}}, None),
        ({"realm_access": ["roles"]}, None),
        ({"realm_access.roles": ["staff"], "realm_access": {"roles": ["boss"]}}, "internal_user"),
    ],
)
def test_scopes_and_roles_make_a_role(claims: dict[str, Any], role: str | None) -> None:
    """What the operator did not map makes nothing, and of several roles the one that may do most counts."""
    assert claimed({"sub": "a"} | claims, FULL).role == role


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": ""},
        {"sub": None},
        {"sub": True},
        {"sub": {"$gt": ""}},
        {"sub": ["alice"]},
        {"sub": "a\x1fb"},
        {"sub": "a\nb"},
        {"sub": "x" * 257},
        {"sub": 10**300},
        {"sub": "a", "groups": [{"$ne": ""}]},
        {"sub": "a", "groups": ["t"] * 1001},
        {"sub": "a", "groups": 7},
        {"sub": "a", "org": ["acme"]},
    ],
)
def test_what_cannot_be_an_id_is_refused(claims: dict[str, Any]) -> None:
    """Values of claims reach the database as text only, and never with control characters."""
    with pytest.raises(Unauthenticated):
        claimed(claims, FULL)


def test_a_token_may_be_a_teams_alone() -> None:
    """Where the operator names no claim of a user; it must have a team then."""
    teams_only = issuer(user_claim="", teams_claim="team")
    assert claimed({"sub": "machine", "team": "batch"}, teams_only) == Claimed(teams=("batch",))
    with pytest.raises(Unauthenticated, match="'team'"):
        claimed({"sub": "machine"}, teams_only)


@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({"email": "a@corp.example"}, True),
        ({"email": "A@CORP.example", "email_verified": True}, True),
        ({"email": "a@corp.example", "email_verified": False}, False),
        ({"email": "a@corp.example", "email_verified": "true"}, False),
        ({"email": "a@evil.example"}, False),
        ({"email": "a@notcorp.example"}, False),
        ({"email": "a@corp.example@evil.example"}, False),
        ({"email": ["a@corp.example"]}, False),
        ({}, False),
    ],
)
def test_an_address_must_be_of_the_domains(claims: dict[str, Any], allowed: bool) -> None:
    """Where the operator lists them."""
    corp = issuer(email_domains=["Corp.example"])
    if allowed:
        assert claimed({"sub": "a"} | claims, corp).user == "a"
    else:
        with pytest.raises(Forbidden):
            claimed({"sub": "a"} | claims, corp)


def test_a_token_without_an_address_is_told_so() -> None:
    """It is refused like one of another domain, but nobody should look for the wrong domain."""
    with pytest.raises(Forbidden, match="has no e-mail address"):
        claimed({"sub": "a"}, issuer(email_domains=["corp.example"]))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["sub", "groups", "org", "scope", "email", "realm_access"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)))  # fmt: skip
def test_any_claims_are_read_or_refused(claims: dict[str, Any]) -> None:
    """Whatever JSON a provider signs; what is read has an owner and printable ids."""
    try:
        found = claimed(claims, FULL)
    except Unauthenticated:
        return
    assert found.user or found.teams or found.role == "proxy_admin"
    assert all(id.isprintable() for id in (found.user, found.organization, *found.teams))


ONE, TWO = Claimed(user="a", teams=("t1",)), Claimed(user="a", teams=("t1", "t2"))


def test_the_team_is_the_tokens_only_one_or_the_one_that_the_request_names() -> None:
    """A management route needs none."""
    assert team_for(ONE, "", needed=True) == "t1"
    assert team_for(TWO, "t2", needed=True) == "t2"
    assert team_for(TWO, "", needed=False) == ""
    assert team_for(Claimed(user="a"), "", needed=True) == ""


def test_a_team_that_the_token_does_not_have_is_refused() -> None:
    """Also for a token without teams, and an administrator's."""
    for found in (ONE, TWO, Claimed(user="a"), Claimed(user="a", role="proxy_admin")):
        with pytest.raises(Forbidden):
            team_for(found, "t3", needed=True)


def test_one_of_several_teams_must_be_named() -> None:
    """So that nobody is billed by chance."""
    with pytest.raises(InvalidRequest, match="x-tollway-team-id"):
        team_for(TWO, "", needed=True)


AROUND = Surroundings()


def standing(token: Claimed, settings: JwtIssuer, around: Surroundings = AROUND, *, exists: bool = True) -> Standing:
    """Return the standing of a token's holder."""
    record = record_of(token, "digest", around.user.id if around.user else "", team_for(token, "", needed=True))
    return standing_of_token(
        standing_of(record, around, lambda _: (), RULES),
        token,
        settings,
        user_exists=exists and around.user is not None,
    )


USER = Surroundings(UserRecord("a", created_at=1.0, role="internal_user_viewer", models=("m1",)))
TEAM = TeamRecord("t1", created_at=1.0, organization_id="acme", models=("m2",))
MEMBER = Surroundings(USER.user, TEAM, organization=OrganizationRecord("acme", created_at=1.0))


def test_the_role_is_the_tokens_or_the_users_or_the_issuers() -> None:
    """In this order; a token of a team alone holds a key."""
    token = Claimed(user="a", role="proxy_admin_viewer")
    assert standing(token, PLAIN, USER).principal.role == "proxy_admin_viewer"
    assert standing(Claimed(user="a"), PLAIN, USER).principal.role == "internal_user_viewer"
    assert standing(Claimed(user="a"), PLAIN).principal.role == "internal_user"
    assert standing(Claimed(teams=("t1",)), PLAIN, Surroundings(team=TEAM)).principal.role == "key_holder"


def test_a_team_brings_its_organization_and_models() -> None:
    """As for a key of that user and team; without a team the user's models count. There is no key."""
    found = standing(Claimed(user="a", teams=("t1",)), PLAIN, MEMBER).principal
    assert (found.user, found.team, found.organization, found.models) == ("a", "t1", "acme", ("m2",))
    assert (found.key, found.key_name) == ("", "JWT")
    assert standing(Claimed(user="a"), PLAIN, USER).principal.models == ("m1",)


def test_a_user_is_known_by_its_record() -> None:
    """Which may have another id than the token says."""
    assert standing(Claimed(user="sso-7"), PLAIN, USER).principal.user == "a"


def test_a_team_that_does_not_fit_is_refused() -> None:
    """It is gone, blocked, or not in the organization that the token names."""
    assert "not exist" in standing(ONE, PLAIN, USER).denied
    blocked = Surroundings(USER.user, TeamRecord("t1", created_at=1.0, blocked=True))
    assert "blocked" in standing(ONE, PLAIN, blocked).denied
    assert "organization" in standing(Claimed(user="a", teams=("t1",), organization="other"), PLAIN, MEMBER).denied
    assert not standing(Claimed(user="a", teams=("t1",), organization="acme"), PLAIN, MEMBER).denied


def test_a_made_up_key_is_no_key() -> None:
    """Its hash has a control character, which no stored hash has; each team of a token has its own."""
    hashes = {record_of(TWO, digest, "", team).hash for digest in ("d1", "d2") for team in ("", "t1", "t2")}
    assert len(hashes) == 6
    assert not any(hash.isprintable() for hash in hashes)


def test_only_an_administrator_needs_no_record() -> None:
    """The operator's mapping is enough for it."""
    assert not needs_user(Claimed(user="a", role="proxy_admin"))
    assert needs_user(Claimed(user="a", role="proxy_admin_viewer"))
    assert not needs_user(Claimed(teams=("t1",)))
