"""What the stack tells each of its processes."""

from pathlib import Path

import pytest

from tollway.services import SERVICES
from tollway.stack.environment import Surroundings, plain, service_environment
from tollway.stack.permissions import USERS
from tollway.stack.secrets import Secrets

SECRETS = Secrets("sk-master-key", "aa" * 32, "bb" * 32, "sk-demo-key", {user: f"password-{user}" for user in USERS})
AROUND = Surroundings("nats://n", "mongodb://m", Path("/data"), None, "http://demo", 7, own_nats=True)
OUTSIDE = {"PATH": "/bin", "OPENAI_API_KEY": "sk-openai", "TOLLWAY_MASTER_KEY": "sk-outside", "NATS_PASSWORD": "other"}


def told(service: str) -> dict[str, str]:
    return service_environment(service, AROUND, SECRETS, OUTSIDE)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_connects_as_itself(service: str) -> None:
    """Each one has a user of its own and nobody else's password."""
    passwords = [value for value in told(service).values() if value.startswith("password-")]
    assert passwords == [f"password-{service}"]
    assert told(service)["NATS_USER"] == service


def test_secrets_go_where_they_are_needed() -> None:
    """The table of who is told what."""
    variables = {
        "TOLLWAY_MASTER_KEY": set(),
        "TOLLWAY_MASTER_KEY_SHA256": {"auth"},
        "TOLLWAY_SECRET": {"auth", "admin"},
        "TOLLWAY_ENCRYPTION_KEY": {"router", "admin"},
        "OPENAI_API_KEY": {"router", "passthrough"},
        "TOLLWAY_DEMO_KEY": {"router", "passthrough"},
        "MONGODB_URL": {"auth", "router", "admin", "billing"},
        "TOLLWAY_LISTEN_FD": {"edge"},
        "TOLLWAY_PROVIDERS": {"admin"},
    }
    assert {name: {service for service in SERVICES if name in told(service)} for name in variables} == variables


def test_admin_knows_providers_by_name_alone() -> None:
    """Those whose keys the environment has."""
    assert told("admin")["TOLLWAY_PROVIDERS"] == "openai"


def test_the_rest_of_the_environment_stays() -> None:
    """What is no secret of ours goes on to every process."""
    assert plain(OUTSIDE) == {"PATH": "/bin"}
