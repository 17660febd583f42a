"""What differs between the deployments of two configurations. Pure."""

from typing import Any

from shared.catalog.fixed import configured_deployments
from shared.settings import Configuration, Deployment
from shared.settings.demo import MODEL

_SECRETS = ("api_key",)
"""What admin is not told, and so cannot compare."""


def model_steps(before: Configuration, after: Configuration) -> list[dict[str, Any]]:
    """Return the steps from one to the other, as declared objects' are shown."""
    old, new = _deployments(before), _deployments(after)
    # The built-in demo model stands in no file.
    steps = [_shape(id, "remove", []) for id in old if id not in new and id != MODEL]
    for id, (group, deployment) in new.items():
        if id not in old:
            steps.append(_shape(id, "create", []))
            continue
        fields = _differences(old[id][1], deployment)
        if old[id][0] != group:
            fields.insert(0, "model_name")
        if fields:
            steps.append(_shape(id, "change", fields))
    return steps


def _deployments(configuration: Configuration) -> dict[str, tuple[str, Deployment]]:
    return {deployment.id: (name, deployment) for name, deployment in configured_deployments(configuration)}


def _differences(before: Deployment, after: Deployment) -> list[str]:
    names = [name for name in Deployment.model_fields if name not in _SECRETS]
    if after.provider == "demo" and after.api_base is None:
        # It finds the stack's own demo provider, wherever that is.
        names.remove("api_base")
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def _shape(id: str, action: str, fields: list[str]) -> dict[str, Any]:
    return {"kind": "model", "name": id, "action": action, "fields": fields}
