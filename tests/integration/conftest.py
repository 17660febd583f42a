"""Stacks that several tests share."""

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole of Tollway with its defaults, for tests that break nothing."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
