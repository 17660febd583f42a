"""Where routes lead, and what the configuration may say about it."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from services.passthrough.domain.targets import targets_of
from shared.routes.passthrough import passthrough_endpoints
from shared.settings import Configuration
from shared.settings.providers import ProviderAccess


def configured(*endpoints: dict[str, Any], **settings: Any) -> Configuration:
    """Return a configuration with these endpoints."""
    return Configuration.model_validate({"pass_through_endpoints": endpoints} | settings)


def group(provider: str, **fields: Any) -> dict[str, Any]:
    """Return a model group with one deployment."""
    return {"model_name": provider, "deployments": [{"provider": provider, "model": "m"} | fields]}


DEMO = group("demo", api_base="http://demo.example", api_key="demo-key")


def test_the_environments_account_comes_first_then_a_deployments_then_the_demo_provider() -> None:
    """A vendor's route works with whatever account there is."""
    deployment = group("openai", api_base="https://proxy.example/v1/", api_key="deployment-key")
    keys = {"openai": ProviderAccess(SecretStr("env-key"), None)}
    by_env = targets_of(configured(models=[deployment, DEMO]), keys)["passthrough:openai"]
    by_deployment = targets_of(configured(models=[DEMO, deployment]), {})["passthrough:openai"]
    by_demo = targets_of(configured(models=[DEMO]), {})
    assert (by_env.base, by_env.headers) == ("https://api.openai.com", (("Authorization", "Bearer env-key"),))
    assert (by_deployment.base, by_deployment.provider) == ("https://proxy.example", "openai")
    assert by_demo["passthrough:anthropic"].headers == (("x-api-key", "demo-key"),)
    assert by_demo["passthrough:openai"].provider == "demo"
    assert targets_of(configured(), {}) == {}


def test_no_secret_shows_in_a_target() -> None:
    """Logs and traces of a target hold no credential."""
    endpoint = {
        "path": "/a",
        "target": "http://a.example",
        "headers": {"k": "s3cret"},
        "default_query_params": {"k": "s3cret"},
    }
    configuration = configured(endpoint)
    assert "s3cret" not in repr(targets_of(configuration, {})) + repr(configuration)


@pytest.mark.parametrize(
    "path",
    [
        *("/key/generate", "/KEY/generate", "/key/generate/", "/key", "/key/anything", "/v1/models", "/models/x"),
        *(
            "/openai",
            "/OpenAI/v1",
            "/anthropic/x",
            "/health",
            "/metrics",
            "/docs",
            "/ui/x",
            "/spend",
            "/chat/completions",
        ),
        *("/a/../key", "/%6bey/generate", "key", "//key", "/a//b", "/a/{b}", "/a b", "/", "/..", "/a?b", "/é"),
    ],
)
def test_a_configured_path_never_stands_for_one_of_ours(path: str) -> None:
    """Management and LLM routes cannot be covered, in any case or encoding, nor with a slash at the end."""
    with pytest.raises(ValidationError):
        configured({"path": path, "target": "http://a.example"})


def test_a_path_above_our_routes_is_refused_where_it_would_cover_them() -> None:
    """`/v1` with everything below it would take the LLM API's place; a path beside them would not."""
    with pytest.raises(ValidationError):
        configured({"path": "/v1", "target": "http://a.example", "include_subpath": True})
    configured({"path": "/v1/rerank-elsewhere", "target": "http://a.example", "include_subpath": True})


def test_a_path_stands_there_once() -> None:
    """Two endpoints of one path are a mistake, also in different letters."""
    with pytest.raises(ValidationError, match="twice"):
        configured({"path": "/a", "target": "http://a.example"}, {"path": "/A/", "target": "http://b.example"})


@pytest.mark.parametrize(
    "target",
    [
        *(
            "ftp://a.example",
            "http://user@a.example",
            "http://a.example?x",
            "http://a.example#x",
            "a.example",
            "http://",
        ),
        *("http://169.254.169.254/latest", "http://[fe80::1]/", "http://metadata.google.internal/", "http://a\r\nb"),
        *("http://[::ffff:169.254.169.254]/", "http://100.100.100.200"),
    ],
)
def test_targets_are_plain_addresses_outside_the_metadata_services(target: str) -> None:
    """Credentials, queries and fragments do not belong there, and link-local addresses are refused."""
    with pytest.raises(ValidationError):
        configured({"path": "/a", "target": target})


@pytest.mark.parametrize(
    "fields", [{"auth": False}, {"headers": {"a b": "c"}}, {"headers": {"a": "b\r\nc"}}, {"methods": ["TRACE"]}]
)
def test_what_else_is_refused(fields: dict[str, Any]) -> None:
    """No endpoint without a key, no header that could split a message, no method that echoes the key."""
    with pytest.raises(ValidationError):
        configured({"path": "/a", "target": "http://a.example"} | fields)


def test_every_route_has_a_policy_and_a_name_of_its_own() -> None:
    """What is served is authenticated and billed under a name from the configuration."""
    endpoints = passthrough_endpoints(configured({"path": "/a/b", "target": "http://a.example"}))
    assert [endpoint.route.name for endpoint in endpoints] == [
        *("passthrough:openai", "passthrough:anthropic", "passthrough:a/b")
    ]
    assert all(endpoint.route.policy.next == "passthrough" and endpoint.route.policy.billed for endpoint in endpoints)
