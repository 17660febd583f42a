"""`tollway ledger`: whether the ledger's sums are right, and how they are made anew."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from shared.errors import TollwayError
from shared.pricing.money import to_dollars
from shared.schemas.scopes import SEPARATOR
from shared.store.checking import Difference
from shared.store.connection import Store
from shared.store.setup import ensure_indexes
from shared.store.verification import EXPECTED, Verified, rebuild, verify
from tollway.stack.errors import StackError

DIFFERS = 3
"""The exit code of a ledger whose sums do not agree; 1 is for what could not be done."""

PATIENCE_MS = 600_000
"""How long one question about a whole collection may take, such as how many documents there are."""

SHOWN = 50
"""Differences that are printed."""

T = TypeVar("T")
Told = Callable[[str, int], None]


def verify_ledger(data_dir: Path) -> int:
    """Compare documents, rows and pages; print what was found and return the exit code: `DIFFERS` or 0."""
    console = Console()
    found = with_store(console, data_dir, lambda store, told: verify(store, _owner(), told))
    _print(console, found)
    return DIFFERS if found.differences else 0


def rebuild_ledger(data_dir: Path) -> int:
    """Set rows and pages right by the documents; return the exit code."""
    console = Console()
    count = with_store(console, data_dir, lambda store, told: rebuild(store, _owner(), told))
    console.print(f"All sums are those of {count:,} documents now.")
    return 0


def store_url(data_dir: Path) -> str:
    """Return where the ledger is: MONGODB_URL, or the store of the `tollway up` that runs on a data folder.

    Raises `StackError` when there is neither.
    """
    if url := os.environ.get("MONGODB_URL"):
        return url
    try:
        url = str(json.loads((data_dir / "run.json").read_text())["mongodb_url"])
    except (OSError, ValueError, KeyError):
        url = ""
    if not url:
        raise StackError(
            f"no 'tollway up' runs on {data_dir}: start it, name its folder with --data-dir, or set MONGODB_URL."
        )
    return url


def with_store(console: Console, data_dir: Path, work: Callable[[Store, Told], Awaitable[T]]) -> T:
    """Return what `work` on the store returns; it tells a bar on the console how far it is. Raises `StackError`."""
    url = store_url(data_dir)
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.completed:,}"),
        TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip

    async def run() -> T:
        store = Store.open(url, answer_ms=PATIENCE_MS)
        try:
            await ensure_indexes(store)
            with bar:
                return await work(store, _teller(bar))
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except TollwayError as error:
        raise StackError(error.message) from error


def _teller(bar: Progress) -> Told:
    tasks: dict[str, TaskID] = {}

    def tell(what: str, more: int) -> None:
        if what == EXPECTED:
            tasks["documents"] = bar.add_task("documents", total=more)
            return
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=None)
        bar.advance(tasks[what], more)

    return tell


def _owner() -> str:
    return f"ledger-{uuid4().hex[:12]}"


def _print(console: Console, found: Verified) -> None:
    since = f" since {found.first_day}" if found.first_day else ""
    console.print(f"{found.documents:,} documents{since}, {to_dollars(found.spend):.9f} dollars; {found.rows:,} rows.")
    if not found.differences:
        console.print("All sums agree.")
        return
    console.print(_table(found.differences[:SHOWN]))
    if len(found.differences) > SHOWN:
        console.print(f"… and more: {len(found.differences):,} differences in all, or more than that.")
    console.print("'tollway ledger rebuild' sets them right by the documents.")


def _table(differences: tuple[Difference, ...]) -> Table:
    table = Table("day", "of", "id", "figure", "documents", "sums", title="What differs")
    for item in differences:
        figures = ("differ", "") if item.figure == "parts" else (f"{item.documents:,}", f"{item.found:,}")
        of = item.row.kind if item.where == "rows" else "pages"
        table.add_row(item.row.day, of, item.row.id.replace(SEPARATOR, " · "), item.figure, *figures)
    return table
