"""The deployments that need no database: from the configuration file, and from provider keys in the environment."""

from shared.pricing.table import PriceTable
from shared.settings import Configuration, Deployment, Runtime


def configured_deployments(configuration: Configuration) -> list[tuple[str, Deployment]]:
    """Return the configuration file's (model group, deployment) pairs, each deployment with an id that lasts."""
    return [
        (group.model_name, _with_id(deployment, f"{group.model_name}/{index}"))
        for group in configuration.models
        for index, deployment in enumerate(group.deployments)
    ]


def fixed_deployments(runtime: Runtime, prices: PriceTable) -> list[tuple[str, Deployment]]:
    """Return (model group, deployment) pairs, each deployment with an id that lasts.

    A provider key in the environment switches on every model of that provider that the price table knows,
    under the model's own name, unless the configuration has a group of that name.
    """
    found = configured_deployments(runtime.configuration)
    taken = {name for name, _ in found}
    for provider, account in runtime.provider_keys.items():
        for model in prices.models(provider):
            if model not in taken:
                deployment = Deployment.model_validate(
                    {
                        "id": f"env/{provider}/{model}",
                        "provider": provider,
                        "model": model,
                        "api_base": account.api_base,
                        "api_key": account.api_key,
                    }
                )
                found.append((model, deployment))
    return found


def reached(deployment: Deployment, fixed: list[tuple[str, Deployment]]) -> Deployment:
    """Return a stored deployment; one of the demo provider without an address goes to the stack's own."""
    if deployment.provider != "demo" or deployment.api_base is not None:
        return deployment
    for _, known in fixed:
        if known.provider == "demo" and known.api_base is not None:
            return deployment.model_copy(update={"api_base": known.api_base, "api_key": known.api_key})
    return deployment


def _with_id(deployment: Deployment, id: str) -> Deployment:
    return deployment if deployment.id else deployment.model_copy(update={"id": id})
