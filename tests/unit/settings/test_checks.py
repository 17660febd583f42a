"""Where no request may lead."""

import pytest
from pydantic import ValidationError

from shared.settings.checks import is_forbidden_host
from shared.settings.models import Deployment
from shared.settings.problems import ConfigurationError
from shared.settings.providers import provider_keys


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd00:0ec2:0:0::0254", "FD00:EC2::254"),
        *("::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:100.100.100.200", "64:ff9b::a9fe:a9fe"),
        *("2002:a9fe:a9fe::1", "metadata.google.internal", "Metadata.Google.Internal."),
    ],
)
def test_addresses_with_the_machines_own_credentials_are_forbidden(host: str) -> None:
    """In whatever form an address is written."""
    assert is_forbidden_host(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.7", "api.openai.com", "192.168.1.5", "fd00:ec2::255"])
def test_other_addresses_are_the_operators_choice(host: str) -> None:
    """A model may run on this machine or in this network."""
    assert not is_forbidden_host(host)


def test_a_deployment_cannot_be_at_such_an_address() -> None:
    """An address is not looked up by name, so it is looked at where it is configured."""
    with pytest.raises(ValidationError, match="link-local"):
        Deployment.model_validate({"provider": "openai", "model": "m", "api_base": "http://169.254.169.254/v1"})


def test_neither_can_a_vendor_that_the_environment_names() -> None:
    """The error names the variable."""
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL: a target may not be"):
        provider_keys({"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "http://169.254.169.254/v1"})
