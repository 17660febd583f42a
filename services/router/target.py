"""A deployment made ready to be called: everything that does not change from request to request."""

from dataclasses import dataclass, field

from multidict import CIMultiDict
from yarl import URL

from services.router.domain.shares import deployment_quotas
from services.router.providers import PROVIDERS, Provider
from shared.pricing.prices import Cost, Price
from shared.pricing.usage import Usage
from shared.schemas.limits import Quota
from shared.settings import Deployment


@dataclass(frozen=True, slots=True)
class Target:
    """One deployment of one model group."""

    deployment: Deployment
    provider: Provider
    headers: CIMultiDict[str] = field(repr=False)
    price: Price
    base: str
    quotas: tuple[Quota, ...] = ()
    """What the limiter is asked about before each call; nobody asks where there is none."""
    _urls: dict[str, URL] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        """The deployment's id."""
        return self.deployment.id

    def url(self, path: str) -> URL:
        """Return where a request of the provider's dialect goes."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(f"{self.base}{path}", encoded=True)
        return url

    def cost(self, usage: Usage, at: float) -> Cost:
        """Return what a usage costs here, for an attempt that began at `at` (Unix seconds)."""
        return self.price.cost(usage, at)


def target_of(deployment: Deployment, price: Price) -> Target:
    """Prepare a deployment."""
    provider = PROVIDERS[deployment.provider]
    headers = {"content-type": "application/json", **dict(provider.headers)}
    if deployment.api_key is not None:
        headers |= provider.credential(deployment.api_key.get_secret_value())
    base = (deployment.api_base or provider.base_url).rstrip("/") + provider.path_prefix
    return Target(deployment, provider, CIMultiDict(headers), price, base, deployment_quotas(deployment))
