"""`/spend/logs/export`: entries as a file, one line each, which streams as fast as the client reads."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Request, Streamed
from services.admin.domain.spend_shapes import log_shape
from services.admin.domain.spend_window import Window
from services.admin.spend import FILTERS, Filter, SpendRoutes
from shared.store.ledger import Ledger
from shared.store.pages import Wanted

LINES_IN_PIECE = 200
"""Entries that are sent together."""

COLUMNS = (
    "request_id", "startTime", "endTime", "call_type", "status", "model_group", "model", "custom_llm_provider",
    "model_id", "api_key", "key_alias", "user", "team_id", "organization_id", "end_user", "prompt_tokens",
    "completion_tokens", "total_tokens", "spend", "request_tags",
)  # fmt: skip
"""Of the CSV file; NDJSON has whole entries."""

_POLICY = FieldPolicy(known=FILTERS | {"format"}, refused={}, kept=frozenset())

_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

_encode = msgspec.json.Encoder().encode


class SpendExport:
    """Writes files of ledger entries."""

    def __init__(self, ledger: Ledger, logs: SpendRoutes) -> None:
        self._ledger = ledger
        self._logs = logs

    async def export(self, request: Request) -> Streamed:
        """Return the entries of the window as CSV or NDJSON, the newest first."""
        _POLICY.sort_out(request.query)
        fields = Fields(request.query)
        format = fields.text("format") or "csv"
        if format not in _TYPES:
            fields.wrong("format", "must be 'csv' or 'ndjson'")
        wanted, filter, window = await self._logs.asked(request, fields)
        lines = self._csv(wanted, filter, window) if format == "csv" else self._ndjson(wanted, filter, window)
        day = datetime.fromtimestamp(request.now, UTC).strftime("%Y-%m-%d")
        return Streamed(_TYPES[format], _pieces(lines), f"spend-{day}.{format}")

    async def _ndjson(self, wanted: Wanted, filter: Filter, window: Window) -> AsyncIterator[bytes]:
        async for entry in self._entries(wanted, filter, window):
            yield _encode(entry) + b"\n"

    async def _csv(self, wanted: Wanted, filter: Filter, window: Window) -> AsyncIterator[bytes]:
        yield _csv_line(COLUMNS)
        async for entry in self._entries(wanted, filter, window):
            entry |= {"key_alias": entry["metadata"]["user_api_key_alias"]}
            entry |= {"request_tags": ";".join(entry["request_tags"])}
            yield _csv_line([_cell(entry[name]) for name in COLUMNS])

    async def _entries(self, wanted: Wanted, filter: Filter, window: Window) -> AsyncIterator[dict[str, Any]]:
        async for document in self._ledger.listing.walk(wanted, since=window.since, until=window.until):
            if filter.includes(document):
                yield log_shape(document)


async def _pieces(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield lines, some together."""
    held: list[bytes] = []
    async for line in lines:
        held.append(line)
        if len(held) == LINES_IN_PIECE:
            yield b"".join(held)
            held = []
    if held:
        yield b"".join(held)


def _csv_line(cells: Any) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: Any) -> Any:
    """Return a value as a cell that no spreadsheet calculates with; numbers in full, not as 1e-06."""
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
