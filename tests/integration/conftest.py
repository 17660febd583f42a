"""What several files of tests share: a stack, and the ledger of whichever stack a file has."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.store.connection import Store
from shared.store.setup import ensure_indexes
from tests.support.books import Books
from tests.support.stack import Stack
from tests.support.store_server import StoreServer


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One server for all tests here; each test has a database of its own."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as server:
        yield server


@pytest.fixture
async def store(server: StoreServer) -> AsyncIterator[Store]:
    """Return an empty database with its indexes."""
    store = Store.open(server.url, f"t{uuid.uuid4().hex[:8]}")
    await ensure_indexes(store)
    yield store
    await store.close()
