"""The models that a configuration grants by name, and the names that there are: what is none of them may be a slip."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from shared.schemas.model_lists import is_name
from shared.settings import Configuration, Deployment

Named = tuple[str, Deployment]
"""A deployment with the model group that it is in."""


class Grant(NamedTuple):
    """One name in a list of models of an object that the file declares."""

    object: str
    """The object, for people: `team research`."""
    model: str


def names_of(deployments: Iterable[Named]) -> set[str]:
    """Return the names of deployments' model groups and access groups."""
    found: set[str] = set()
    for name, deployment in deployments:
        found |= {name, *deployment.access_groups}
    return found


def grants_of(configuration: Configuration) -> list[Grant]:
    """Return the models that declared objects may use, but for wildcards, LiteLLM's words and aliases."""
    return [Grant(object, model) for object, models in _lists(configuration) for model in models if is_name(model)]


def _lists(configuration: Configuration) -> Iterator[tuple[str, Sequence[str]]]:
    for user in configuration.users:
        yield f"user {user.user_id}", user.models
    for organization in configuration.organizations:
        yield f"organization {organization.organization_id}", organization.models
    for team in configuration.teams:
        yield f"team {team.team_id}", _but(team.models, team.model_aliases)
        for member in team.members:
            yield f"member {member.user_id} of team {team.team_id}", _but(member.allowed_models, team.model_aliases)
    for customer in configuration.customers:
        yield f"customer {customer.user_id}", customer.models
    for key in configuration.keys:
        yield f"key {key.key_alias}", _but(key.models, key.aliases)


def _but(models: Sequence[str], aliases: Iterable[str]) -> list[str]:
    known = set(aliases)
    return [model for model in models if model not in known]
