"""The loader of large stores: what it writes is what Tollway itself would have written, and a cut run goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.store_filling import Filling, noted_shape
from benchmarks.store_shape import DAY, Population, Shape
from shared.schemas.scopes import Scope
from shared.store.connection import Store
from shared.store.keys import Keys
from shared.store.ledger import Ledger
from shared.store.people import memberships, teams, users
from shared.store.shelves import shelves_of_page
from shared.store.verification import verify
from tests.support.store_server import StoreServer

SECRET = b"0123456789abcdef"
BEGUN = 1_795_000_000.0
SHAPE = Shape(keys=600, users=40, teams=7, documents=900, active=30, days=3, begun=BEGUN)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    """An empty store server, as the loader starts it: indexes over what is there already are synced entry by entry."""
    with StoreServer(tmp_path / "store", is_filled=True) as server:
        yield server


class Cut(Exception):
    """The run ends here."""


class CutPopulation(Population):
    """Yields ledger documents of the first day and half of the second one, and no more."""

    def completions(self, day: int) -> Any:
        """Yield what ended on a day."""
        for number, completion in enumerate(super().completions(day)):
            if day == 1 and number == 150:
                raise Cut
            yield completion


async def test_a_filled_store_adds_up_after_a_cut_run(server: StoreServer) -> None:
    """Keys, people and ledger are all there once, and the ledger's sums and pages agree with its documents."""
    store = Store.open(server.url)
    with pytest.raises(Cut):
        await Filling(store, SHAPE, CutPopulation(SHAPE, SECRET)).run()
    assert await noted_shape(store) == SHAPE
    await Filling(store, SHAPE, Population(SHAPE, SECRET)).run()
    found = await verify(store, "test", lambda what, more: None)
    assert (found.documents, found.differences) == (900, ())
    counts = [await collection.count({}) for collection in (users(store), teams(store), memberships(store))]
    assert counts == [40, 7, 40]
    await store.close()


async def test_keys_of_a_filled_store_stand_on_their_shelves(server: StoreServer) -> None:
    """The list finds the newest first, and a key by its hash; a new key goes on after the loaded ones."""
    store, population = Store.open(server.url), Population(SHAPE, SECRET)
    await Filling(store, SHAPE, population).run()
    keys = Keys(store)
    shelves, before = shelves_of_page((await keys.on_shelves()).items(), 0, 3)
    newest = [record for shelf in shelves for record in await keys.shelf(shelf)][before : before + 3]
    assert [record.hash for record in newest] == [population.token(number) for number in (599, 598, 597)]
    assert await keys.count() == SHAPE.keys
    spent = [await Ledger(store).spent(Scope("key", population.token(number)), BEGUN - 3 * DAY) for number in range(2)]
    assert min(spent) > 0
    await store.close()
