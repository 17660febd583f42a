"""Limits of deployments and model groups become quotas."""

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.shares import deployment_quotas, group_quotas
from shared.schemas.limits import Quota
from shared.schemas.scopes import Scope
from shared.settings import Deployment, ModelGroup

LIMIT = st.none() | st.integers(0, 10**9)


@given(LIMIT, LIMIT, LIMIT)
def test_a_limit_is_a_quota_and_none_is_no_question(rpm: int | None, tpm: int | None, parallel: int | None) -> None:
    """Each stands for itself: its own, and what its model group may get; 0 is a limit."""
    limits = {"rpm": rpm, "tpm": tpm, "max_parallel_requests": parallel}
    deployment = Deployment(id="d", provider="demo", model="demo", **limits)  # type: ignore[arg-type]
    group = ModelGroup(model_name="g", deployments=(deployment,), **limits)  # type: ignore[arg-type]
    limited = any(limit is not None for limit in (rpm, tpm, parallel))
    own, common = Scope("deployment", "d").text, Scope("model_group", "g").text
    assert deployment_quotas(deployment) == ((Quota(own, rpm, tpm, parallel),) if limited else ())
    assert group_quotas(group) == ((Quota(common, rpm, tpm, parallel),) if limited else ())
