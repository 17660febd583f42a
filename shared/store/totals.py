"""What scopes ever spent: questions that come together are one query, as a page of a list asks them."""

import asyncio

from shared.store import sums
from shared.store.connection import Store, translated
from shared.store.pages import Wanted

IN_ONE_QUERY = 5
"""Scopes asked for by one query: the embedded store compares each name of each row with all that were asked for."""


class Totals:
    """Sums all rows of a scope."""

    def __init__(self, store: Store) -> None:
        self._rows = store.database.rollups
        self._open: tuple[list[Wanted], asyncio.Task[list[int]]] | None = None

    async def of(self, wanted: Wanted) -> int:
        """Return nano-dollars of all requests that are wanted; raises `StoreUnavailable`."""
        if self._open is None:
            asked: list[Wanted] = []
            self._open = asked, asyncio.create_task(self._ask(asked))
        asked, task = self._open
        asked.append(wanted)
        number = len(asked) - 1
        return (await asyncio.shield(task))[number]

    async def _ask(self, asked: list[Wanted]) -> list[int]:
        # Whoever asks in the same turn of the loop is there once this turn is over.
        await asyncio.sleep(0)
        self._open = None
        parts = [asked[start : start + IN_ONE_QUERY] for start in range(0, len(asked), IN_ONE_QUERY)]
        found = await asyncio.gather(*(self._sums(part) for part in parts))
        return [total for part in found for total in part]

    async def _sums(self, asked: list[Wanted]) -> list[int]:
        places: dict[str, list[int]] = {}
        for number, wanted in enumerate(asked):
            places.setdefault(wanted.name, []).append(number)
        fields = {"names": 1, "spend": 1} | ({"lines": 1} if any(wanted.group for wanted in asked) else {})
        found = [0] * len(asked)
        with translated():
            rows = self._rows.find({"names": {"$in": list(places)}}, fields)
            for row in await rows.to_list(length=None):
                for name in places.keys() & set(row["names"]):
                    for number in places[name]:
                        found[number] += sums.spend_of_row(row, asked[number].group)
        return found
