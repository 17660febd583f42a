"""How much a model reasons: OpenAI's `reasoning_effort` and Anthropic's thinking budget."""

MIN_BUDGET = 1_024
"""The least that Anthropic accepts as `budget_tokens`."""

BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 2_048, "high": 4_096, "xhigh": 8_192, "max": 16_384}
"""Thinking tokens by effort: LiteLLM's figures up to `high`, raised to Anthropic's least, doubled beyond."""


def budget_for(effort: str, max_tokens: int | None) -> int:
    """Return the thinking budget for an effort; 0 means that the model is not asked to think.

    At most half of the client's `max_tokens` goes into thinking, but never less than Anthropic's least; where not
    even that is below `max_tokens` there is none.
    """
    budget = BUDGETS.get(effort, 0)
    if not budget or max_tokens is None:
        return budget
    return 0 if max_tokens <= MIN_BUDGET else min(budget, max(MIN_BUDGET, max_tokens // 2))


def effort_for(budget: int) -> str:
    """Return the effort for a thinking budget, in the words that every reasoning model of OpenAI's knows."""
    if budget <= BUDGETS["low"]:
        return "low"
    return "medium" if budget <= BUDGETS["medium"] else "high"
