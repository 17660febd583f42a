"""The matrices of roles, objects and tenants are generated; what they ask is written down route by route."""

from shared.routes import MANAGEMENT_ROUTES
from tests.support.route_samples import SAMPLES


def test_every_management_route_has_a_sample() -> None:
    """A new route is in the matrices, or fails here; a sample without a route is a leftover."""
    assert {route.name for route in MANAGEMENT_ROUTES} == set(SAMPLES)
