from tests.unit.translate.behaviour import Behaviour


class TestAnthropicOverOpenAI(Behaviour):
    """The suite on this route."""

    client = "anthropic"
    provider = "openai"
