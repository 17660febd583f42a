"""What a valid configuration says that is hardly meant: models that nothing serves, and models that do not exist."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

from shared.catalog.fixed import configured_deployments
from shared.catalog.granted import grants_of, names_of
from shared.credentials.references import refers
from shared.settings import Configuration, Deployment
from shared.settings.credentials import CredentialSettings
from shared.settings.demo import MODEL
from shared.settings.providers import PROVIDERS, provider_keys

_ELSEWHERE = "vault/"


def unserved(configuration: Configuration, env: Mapping[str, str]) -> list[str]:
    """Return a sentence for each deployment without a credential; what stands in Vault is not looked up."""
    deployments = configured_deployments(configuration)
    told = {**_without_any(deployments), **asyncio.run(_unresolved(deployments, configuration.credentials, env))}
    served: dict[str, int] = defaultdict(int)
    for name, deployment in deployments:
        served[name] += deployment.id not in told
    return [
        f"The model '{name}' is {'not' if not served[name] else 'only partly'} served: "
        f"the deployment '{deployment.id}' has no credential, since {told[deployment.id]}."
        for name, deployment in deployments
        if deployment.id in told
    ]


def unknown_models(configuration: Configuration, env: Mapping[str, str]) -> list[str]:
    """Return a sentence for each model of an object's list that neither the file nor a provider's key brings."""
    known = names_of(configured_deployments(configuration)) | ({MODEL} if configuration.demo else set())
    grants = [grant for grant in grants_of(configuration) if grant.model not in known]
    switched_on = provider_keys(env)
    if grants and switched_on:
        from shared.pricing.table import PriceTable

        prices = PriceTable(configuration.pricing.file)
        known |= {name for provider in switched_on for name in prices.models(provider)}
    return [
        f"The {grant.object} may use the model '{grant.model}', which this file does not have; "
        "--diff says whether what runs has it."
        for grant in grants
        if grant.model not in known
    ]


def _without_any(deployments: Iterable[tuple[str, Deployment]]) -> dict[str, str]:
    return {
        deployment.id: f"it states no api_key, which {deployment.provider} wants"
        for _, deployment in deployments
        if deployment.provider in PROVIDERS and deployment.api_base is None and deployment.api_key is None
    }


async def _unresolved(
    deployments: Iterable[tuple[str, Deployment]], settings: CredentialSettings, env: Mapping[str, str]
) -> dict[str, str]:
    referring = [deployment for _, deployment in deployments if refers(deployment)]
    if not referring:
        return {}
    from shared.credentials.resolver import Resolver, Unresolved

    resolver, found = Resolver(settings, env), {}
    for deployment in referring:
        key = deployment.api_key.get_secret_value() if deployment.api_key is not None else ""
        if key.startswith(_ELSEWHERE) and settings.vault is not None:
            continue
        try:
            await resolver.resolve(key)
        except Unresolved as error:
            found[deployment.id] = str(error)
    await resolver.close()
    return found
