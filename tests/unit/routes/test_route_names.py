"""What `allowed_routes` may name."""

import pytest

from shared.routes import ROUTES
from shared.routes.access import GROUPS, NATIVE_GROUPS
from shared.routes.names import wrong_name


@pytest.mark.parametrize(
    "entry",
    [
        *("*", "/*", "/", "/v1/*", "/v*", "/key/*", "/key", "/key/gen*", "/chat", "/global/*"),
        *("/openai", "/openai/v1/files", "/anthropic/*", "/vendor", "/vendor/v1", "/ven*"),
        # LiteLLM's, which are not here, or not yet.
        *("/v1/embeddings", "/embeddings", "/v1/audio/speech", "/tag/new", "/vertex_ai/*", "/v1beta/models/x:generate"),
        *("internal_user_routes", "mcp_routes", "openai_route_names"),
        # An id where the route has one.
        *("/v1/models/gpt-4o", "/v1/models/{model}", "/key/sk-1/regenerate", "/team/t/members/me"),
        *sorted(GROUPS),
        *sorted(NATIVE_GROUPS),
        *(path for route in ROUTES.values() for path in route.paths),
    ],
)
def test_what_leads_somewhere_may_be_named(entry: str) -> None:
    """Every route and group of Tollway's and LiteLLM's, what is above or below them, and configured endpoints."""
    assert wrong_name([entry], ["/vendor"]) == ""


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("llm_api_route", "llm_api_routes"),
        ("management_route", "management_routes"),
        ("LLM_API_ROUTES", ""),
        ("/chat/completion", "/chat/completions"),
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/key/generat", "/key/generate"),
        ("/keys/generate", "/key/generate"),
        ("/vendr", "/vendor"),
        ("/zzz/*", ""),
        ("chat/completions", ""),
        ("openai", ""),
    ],
)
def test_a_typing_error_is_told_with_the_nearest_right_name(entry: str, meant: str) -> None:
    """It would close the key, and nobody would know why."""
    wrong = wrong_name(["llm_api_routes", entry], ["/vendor"])
    assert f"'{entry}'" in wrong
    assert (f"perhaps '{meant}' is meant" in wrong) == bool(meant)
