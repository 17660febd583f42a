"""Which model groups a caller may use."""

from services.admin.domain.visible_groups import visible_groups
from shared.schemas.context import Principal
from shared.settings import Deployment


def test_a_wildcard_of_a_provider_covers_a_group_by_the_providers_name() -> None:
    """`openai/*` shows `gpt-4o`, which OpenAI serves, and no group of another name or vendor."""
    offered = [
        ("gpt-4o", Deployment(id="a", provider="openai", model="gpt-4o")),
        ("house", Deployment(id="b", provider="openai", model="gpt-4o")),
        ("claude-haiku-4-5", Deployment(id="c", provider="anthropic", model="claude-haiku-4-5")),
    ]
    assert set(visible_groups(Principal("internal_user", models=("openai/*",)), offered)) == {"gpt-4o"}
