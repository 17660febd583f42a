"""The LLM API's routes."""

from shared.routes.policy import ANYBODY, Policy, Route

_GOVERNED = Policy(ANYBODY, next="guardrails", model=True, guardrails=True, billed=True)
_LISTING = Policy(ANYBODY, next="router")
PASSTHROUGH = Policy(ANYBODY, next="passthrough", billed=True)
"""Provider-native calls: authenticated and billed, with no guardrails by definition."""

PREFIX = "passthrough:"
"""What the names of all pass-through routes begin with; `shared.routes.passthrough` has them."""

LLM_ROUTES: tuple[Route, ...] = (
    Route(
        "chat_completions",
        "POST",
        ("/v1/chat/completions", "/chat/completions"),
        _GOVERNED,
        "openai",
        "Answer a chat, streamed or not (OpenAI's dialect).",
    ),
    Route(
        "messages",
        "POST",
        ("/v1/messages", "/messages"),
        _GOVERNED,
        "anthropic",
        "Answer a chat, streamed or not (Anthropic's dialect).",
    ),
    Route("models", "GET", ("/v1/models", "/models"), _LISTING, "openai", "List the models that the key may use."),
    Route("model", "GET", ("/v1/models/{model}", "/models/{model}"), _LISTING, "openai", "Tell about one model."),
)
