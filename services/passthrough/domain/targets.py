"""Where each pass-through route leads, with whose credentials: a table made once from the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import SecretStr

from shared.pricing.money import NANO
from shared.routes.llm import PREFIX
from shared.routes.passthrough import route_name
from shared.settings.endpoints import PassThroughEndpoint
from shared.settings.file import Configuration
from shared.settings.models import Timeouts
from shared.settings.providers import ProviderAccess
from shared.wire.headers import Headers

Vendor = Literal["openai", "anthropic"]

DEFAULT_BASE: Mapping[Vendor, str] = {"openai": "https://api.openai.com", "anthropic": "https://api.anthropic.com"}

ANTHROPIC_VERSION = "2023-06-01"
"""Sent where the caller's client names no version; the only one that Anthropic has had since."""

_BILLED_ELSEWHERE = frozenset({"openai-organization", "openai-project"})
"""Headers by which a caller would choose whom OpenAI bills under the operator's key."""


@dataclass(frozen=True, slots=True)
class Target:
    """One provider as one route reaches it."""

    name: str
    """The route's name; the deployment's in the ledger."""
    prefix: str
    """The route's path, which the target's base takes the place of."""
    base: str
    """Scheme, host and path without a slash at its end."""
    provider: str
    api_base: str | None = None
    """The address as the operator stated it, which decides whose prices hold; None for the vendor's own."""
    vendor: Vendor | None = None
    """Whose usage the answers report; None where they are not read."""
    headers: Headers = field(default=(), repr=False)
    """Set in place of the caller's own; the credential is one of them."""
    defaults: Headers = ()
    """Set where the caller has none of that name."""
    dropped: frozenset[str] = frozenset()
    """Lower-case names of the caller's headers that do not go on."""
    default_query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cost_per_request: int | None = None
    """Nano-dollars."""
    timeouts: Timeouts = field(default_factory=Timeouts)


class _Account(NamedTuple):
    provider: str
    base: str
    stated: str | None
    key: SecretStr
    timeouts: Timeouts


def targets_of(configuration: Configuration, keys: Mapping[str, ProviderAccess]) -> dict[str, Target]:
    """Return the targets by route name; a vendor without any account is left out."""
    targets = {}
    for vendor in DEFAULT_BASE:
        account = _account(vendor, configuration, keys)
        if account is not None:
            target = _vendor_target(vendor, account)
            targets[target.name] = target
    for endpoint in configuration.pass_through_endpoints:
        targets[route_name(endpoint)] = _configured_target(endpoint)
    return targets


def _account(vendor: Vendor, configuration: Configuration, keys: Mapping[str, ProviderAccess]) -> _Account | None:
    """Return the first account there is: of the environment, of a deployment, of the demo provider."""
    if vendor in keys:
        access = keys[vendor]
        return _Account(vendor, access.api_base or DEFAULT_BASE[vendor], access.api_base, access.api_key, Timeouts())
    deployments = [deployment for group in configuration.models for deployment in group.deployments]
    for provider, usual in ((vendor, DEFAULT_BASE[vendor]), ("demo", "")):
        for deployment in deployments:
            base = deployment.api_base or usual
            if deployment.provider == provider and deployment.api_key is not None and base:
                return _Account(provider, base, deployment.api_base, deployment.api_key, deployment.timeouts)
    return None


def _vendor_target(vendor: Vendor, account: _Account) -> Target:
    key = account.key.get_secret_value()
    credential = ("Authorization", f"Bearer {key}") if vendor == "openai" else ("x-api-key", key)
    return Target(
        name=PREFIX + vendor,
        prefix=f"/{vendor}",
        base=account.base.rstrip("/").removesuffix("/v1"),
        provider=account.provider,
        api_base=account.stated,
        vendor=vendor,
        headers=(credential,),
        defaults=(("anthropic-version", ANTHROPIC_VERSION),) if vendor == "anthropic" else (),
        dropped=_BILLED_ELSEWHERE,
        timeouts=account.timeouts,
    )


def _configured_target(endpoint: PassThroughEndpoint) -> Target:
    cost = endpoint.cost_per_request
    return Target(
        name=route_name(endpoint),
        prefix=endpoint.path,
        base=endpoint.target,
        provider=endpoint.path.strip("/"),
        headers=tuple((name, value.get_secret_value()) for name, value in endpoint.headers.items()),
        default_query=tuple((name, value.get_secret_value()) for name, value in endpoint.default_query_params.items()),
        cost_per_request=None if cost is None else round(Decimal(str(cost)) * NANO),
        timeouts=endpoint.timeouts,
    )
