"""Metadata: the operator's own names and values, data that decides nothing."""

from typing import Any

from services.admin.domain.fields import Fields, says_nothing

_ENFORCED_BY_LITELLM = ("guardrails", "model_rpm_limit", "model_tpm_limit", "policies", "tag_rpm_limit")
"""LiteLLM enforces these where they stand in metadata, too."""


def read_metadata(fields: Fields, before: dict[str, Any]) -> dict[str, Any]:
    """Return metadata as a body changes it, as a whole; raise `InvalidRequest` for what would only seem to hold."""
    metadata = fields.updated("metadata", fields.mapping, before)
    if fields.says("metadata"):
        for name in _ENFORCED_BY_LITELLM:
            if not says_nothing(metadata.get(name)):
                Fields(metadata, "metadata").wrong(name, "restricts nothing in metadata; it belongs beside it")
    return metadata
