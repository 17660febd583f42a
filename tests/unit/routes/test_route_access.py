"""Which routes a key's list allows."""

import pytest

from shared.routes import ROUTES
from shared.routes.access import GROUPS, may_call


@pytest.mark.parametrize(
    ("entry", "route", "allowed"),
    [
        ("/v1/chat/completions", "chat_completions", True),
        ("/chat/completions", "chat_completions", True),
        ("/chat", "chat_completions", True),
        ("/cha", "chat_completions", False),
        ("/v1/*", "chat_completions", True),
        ("/key/*", "chat_completions", False),
        ("*", "key_generate", True),
        ("", "chat_completions", False),
        ("llm_api_routes", "chat_completions", True),
        ("llm_api_routes", "models", True),
        ("llm_api_routes", "model_info", True),
        ("llm_api_routes", "key_info", False),
        ("openai_routes", "chat_completions", True),
        ("openai_routes", "messages", False),
        ("anthropic_routes", "messages", True),
        ("management_routes", "key_generate", True),
        ("management_routes", "model_new", True),
        ("management_routes", "chat_completions", False),
        ("info_routes", "key_info", True),
        ("info_routes", "models", True),
        ("info_routes", "key_generate", False),
        ("info_routes", "chat_completions", False),
        ("spend_tracking_routes", "spend_logs", True),
        ("no_such_routes", "chat_completions", False),
    ],
)
def test_an_entry_is_a_path_or_a_group(entry: str, route: str, allowed: bool) -> None:
    """Paths mean the route under all of its paths; groups are LiteLLM's."""
    assert may_call((entry,), route, "") == allowed
    assert may_call(("/nothing", entry), route, "") == allowed
    assert may_call((), route, "")


@pytest.mark.parametrize(
    ("entry", "path", "allowed"),
    [
        ("/openai", "/openai/v1/embeddings", True),
        ("/openai/*", "/openai/v1/embeddings", True),
        ("/openai/v1/embeddings", "/openai/v1/embeddings", True),
        ("/openai/v1/embeddings", "/openai/v1/embeddings/x", True),
        ("/openai/v1/embeddings", "/openai/v1/files", False),
        # What a provider could read as another path is not the path that was allowed.
        ("/openai/v1/embeddings", "/openai/v1/embeddings/%2e%2e/files", False),
        ("/openai/v1/embeddings", "/openai/v1/embeddings/../files", False),
        ("/openai/v1/embeddings", "/openai/v1/embeddings//x", False),
        ("/anthropic", "/openai/v1/embeddings", False),
        ("llm_api_routes", "/openai/v1/files", True),
        ("openai_routes", "/openai/v1/files", False),
        ("management_routes", "/openai/v1/files", False),
    ],
)
def test_native_routes_are_covered_by_prefix(entry: str, path: str, allowed: bool) -> None:
    """A list may allow a provider's whole API, or a part of it."""
    assert may_call((entry,), "passthrough:openai", path) == allowed


def test_every_route_is_in_a_group() -> None:
    """A key for LLM calls and one for management have nothing but the models' facts in common."""
    for name, route in ROUTES.items():
        if GROUPS["llm_api_routes"](route) and GROUPS["management_routes"](route):
            assert any("/model" in path for path in route.paths), name
