"""The configuration's schema agrees with what the gateway accepts."""

import jsonschema
import pytest
import yaml

from shared.settings import Configuration
from tollway.generate.__main__ import ROOT
from tollway.generate.configuration import schema

VALIDATOR = jsonschema.Draft202012Validator(schema())

GOOD = """
server: {port: "${PORT}", max_in_flight: 10}
models:
  - model_name: fast
    deployments:
      - {provider: openai, model: gpt-4o-mini, api_key: "${OPENAI_API_KEY}", weight: 2}
guardrails:
  - {name: words, type: banned_words, words: [secret]}
"""

BAD = ("servers: {}", "server: {prot: 4000}", "server: {port: 70000}", "models: [{deployments: []}]")


def test_the_schema_is_valid_and_takes_what_the_gateway_takes() -> None:
    """Names, plain values and references to the environment pass; so does the file of the containers."""
    VALIDATOR.check_schema(VALIDATOR.schema)
    for text in (GOOD, (ROOT / "deploy/compose/tollway.yaml").read_text()):
        assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses_what_the_gateway_refuses(text: str) -> None:
    """Unknown names, wrong values and missing ones are errors in an editor as in `tollway check`."""
    document = yaml.safe_load(text)
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(ValueError):
        Configuration.model_validate(document)


def test_settings_are_explained() -> None:
    """What a setting's docstring says, an editor shows."""
    server = schema()["$defs"]["ServerSettings"]["properties"]
    assert server["request_timeout"]["description"] == "Seconds from the request's arrival to its one deadline."
