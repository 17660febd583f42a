from tests.unit.translate.behaviour import Behaviour


class TestOpenAIOverAnthropic(Behaviour):
    """The suite on this route."""

    client = "openai"
    provider = "anthropic"
