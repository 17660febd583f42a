"""What several files of tests share: a stack, and the ledger of whichever stack a file has."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.books import Books
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole of Tollway with its defaults, for tests that break nothing."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
async def books(stack: Stack) -> AsyncIterator[Books]:
    """The ledger of that stack, and the provider's own figures."""
    books = Books(stack)
    yield books
    await books.close()
