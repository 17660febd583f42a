"""Which model groups a caller may use, as `/v1/models` lists them. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from shared.catalog.catalog import provider_names
from shared.schemas.context import Principal
from shared.settings import Deployment


@dataclass(frozen=True, slots=True)
class _Offered:
    deployment: Deployment


def visible_groups(principal: Principal, offered: Iterable[tuple[str, Deployment]]) -> dict[str, list[Deployment]]:
    """Return the deployments of each model group that a caller may use."""
    groups: dict[str, list[Deployment]] = defaultdict(list)
    for name, deployment in offered:
        groups[name].append(deployment)
    return {
        name: members
        for name, members in groups.items()
        if principal.may_use(name, provider_names(name, [_Offered(member) for member in members]))
    }
