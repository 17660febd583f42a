"""What the OpenAPI document says of the management routes, held against what they answer: schemathesis asks."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.openapi import openapi
from tests.support.stack import Stack

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(openapi()).include(tag="Management")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that is asked anything."""
    with Stack(tmp_path_factory.mktemp("schema"), config={}) as running:
        yield running


@schema.parametrize()
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(case: schemathesis.Case, stack: Stack) -> None:
    """Whatever fits the document, or nearly does, is answered with a documented status and body, never a 5xx."""
    case.call_and_validate(base_url=stack.url, headers=stack.headers(), checks=CHECKS, timeout=30)
