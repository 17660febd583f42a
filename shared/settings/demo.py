"""The built-in demo model: a model group of its own, and the address of every deployment that names it."""

from collections.abc import Mapping

from pydantic import SecretStr

from shared.settings.file import Configuration
from shared.settings.models import Deployment, ModelGroup

MODEL = "demo"


def with_demo(configuration: Configuration, env: Mapping[str, str]) -> Configuration:
    """Return the configuration with the demo provider that the environment tells of, if it tells of one.

    Deployments of the provider `demo` without an `api_base` get its address, and a model group `demo` is added
    unless the file has one.
    """
    url, key = env.get("TOLLWAY_DEMO_URL"), env.get("TOLLWAY_DEMO_KEY")
    if not url:
        return configuration
    groups = [_reached(group, url, key) for group in configuration.models]
    if MODEL not in {group.model_name for group in groups}:
        demo = ModelGroup(model_name=MODEL, deployments=(Deployment(id=MODEL, provider="demo", model=MODEL),))
        groups.append(_reached(demo, url, key))
    return configuration.model_copy(update={"models": tuple(groups)})


def _reached(group: ModelGroup, url: str, key: str | None) -> ModelGroup:
    deployments = tuple(_deployment(deployment, url, key) for deployment in group.deployments)
    return group.model_copy(update={"deployments": deployments})


def _deployment(deployment: Deployment, url: str, key: str | None) -> Deployment:
    if deployment.provider != "demo" or deployment.api_base is not None:
        return deployment
    return deployment.model_copy(update={"api_base": url, "api_key": SecretStr(key) if key else None})
