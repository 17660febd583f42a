"""`tollway lists`: lists of keys, users, teams and customers are put right while everything runs."""

from pathlib import Path

from rich.console import Console

from shared.store.connection import Store
from shared.store.reshelving import Reshelved, Told, reshelve
from shared.store.shelves import SHELVED
from tollway.ledger import with_store


def rebuild_lists(data_dir: Path) -> int:
    """Order and count every list anew, print what was wrong and return the exit code."""
    console = Console()
    for collection, done in with_store(console, data_dir, _reshelved).items():
        console.print(f"{collection}: {done.moved:,} were moved to their place, {done.recounted:,} counts were wrong.")
    return 0


async def _reshelved(store: Store, told: Told) -> dict[str, Reshelved]:
    return {collection: await reshelve(store, collection, told) for collection in SHELVED}
