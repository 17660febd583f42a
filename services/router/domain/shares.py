"""The limits of deployments and model groups, as the limiter is asked about them. Pure."""

from shared.schemas.limits import Quota
from shared.schemas.scopes import Scope
from shared.settings import Deployment, ModelGroup


def deployment_quotas(deployment: Deployment) -> tuple[Quota, ...]:
    """Return a deployment's quota, if it has a limit."""
    return _quotas(Scope("deployment", deployment.id), deployment)


def group_quotas(group: ModelGroup) -> tuple[Quota, ...]:
    """Return a model group's quota, if it has a limit."""
    return _quotas(Scope("model_group", group.model_name), group)


def _quotas(scope: Scope, limits: Deployment | ModelGroup) -> tuple[Quota, ...]:
    rpm, tpm, parallel = limits.rpm, limits.tpm, limits.max_parallel_requests
    if rpm is None and tpm is None and parallel is None:
        return ()
    return (Quota(scope.text, rpm, tpm, parallel),)
