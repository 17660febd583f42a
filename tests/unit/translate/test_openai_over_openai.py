from tests.unit.translate.behaviour import Behaviour


class TestOpenAIOverOpenAI(Behaviour):
    """The suite on this route."""

    client = "openai"
    provider = "openai"
