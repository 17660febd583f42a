"""Stored deployments, for those who may not see credentials."""

from typing import Any

from shared.store.models import ModelRecord, offered_deployments


def record(id: str, **facts: Any) -> ModelRecord:
    """Return a stored deployment."""
    return ModelRecord(**({"id": id, "model_name": id, "provider": "openai", "model": "m", "created_at": 1.0} | facts))


def test_what_is_offered_needs_no_credential() -> None:
    """Sealed keys stay sealed, and a credential of another name is not asked for; what is blocked is not offered."""
    found = offered_deployments(
        [
            record("sealed", api_key_sealed="whatever"),
            record("named", credential_name="elsewhere"),
            record("blocked", blocked=True),
            record("unknown", provider="nobody"),
            record("facts", model_info={"access_groups": ["beta", 7], "max_output_tokens": 99}),
            record("odd", model_info={"access_groups": "beta", "max_output_tokens": "many"}),
        ]
    )
    offered = dict(found)
    assert list(offered) == ["sealed", "named", "facts", "odd"]
    assert all(deployment.api_key is None for deployment in offered.values())
    assert (offered["facts"].access_groups, offered["facts"].max_output_tokens) == (("beta",), 99)
    assert (offered["odd"].access_groups, offered["odd"].max_output_tokens) == ((), None)
