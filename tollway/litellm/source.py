"""LiteLLM's PostgreSQL, read as it stood at one moment; nothing is ever written there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from tollway.litellm import queries
from tollway.litellm.found import Triple
from tollway.stack.errors import StackError

IN_ONE_FETCH = 500
"""Rows that are in memory at once."""

CONNECT_SECONDS = 15.0

_OF_PRISMA = frozenset(
    {
        "connection_limit",
        "pgbouncer",
        "pool_timeout",
        "schema",
        "socket_timeout",
        "sslaccept",
        "statement_cache_size",
    }
)
"""Parameters of a DATABASE_URL that are LiteLLM's client's own."""


class Source:
    """An open database."""

    def __init__(self, connection: Any, tables: frozenset[str]) -> None:
        self._connection = connection
        self.tables = tables

    async def count(self, table: str) -> int:
        """Return how many rows a table has; 0 for one that is not there."""
        if table not in self.tables:
            return 0
        return int(await self._connection.fetchval(f'SELECT count(*) FROM "{table}"'))  # noqa: S608 - our own names

    async def triples(self, query: str) -> AsyncIterator[list[Triple]]:
        """Yield what a query of `queries` gives, some at a time."""
        batch: list[Triple] = []
        async for record in self._connection.cursor(query, prefetch=IN_ONE_FETCH):
            batch.append(Triple(*(_object(value) for value in record)))
            if len(batch) == IN_ONE_FETCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def restricting(self) -> frozenset[str]:
        """Return the object permissions that restrict models."""
        if "LiteLLM_ObjectPermissionTable" not in self.tables:
            return frozenset()
        return frozenset(record[0] for record in await self._connection.fetch(queries.RESTRICTING))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Source]:
    """Connect for reading; raise `StackError` with one sentence that holds no password."""
    asyncpg = _driver()
    address, schema = cleaned(url)
    try:
        connection = await asyncpg.connect(
            address, timeout=CONNECT_SECONDS, statement_cache_size=0, server_settings={"search_path": schema}
        )
    except ValueError:
        # What it says may quote a part of the address, and a password with it.
        raise StackError(
            "--database-url cannot be read; characters such as '/', '#' and '@' in its password must be "
            "percent-encoded (%2F, %23, %40)."
        ) from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StackError(f"LiteLLM's database {shown(url)} cannot be opened: {_why(error)}") from None
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            tables = await _tables(connection, schema)
            missing = [name for name in queries.NEEDED if name not in tables]
            if missing:
                what = f'it has no table "{missing[0]}", or none that this user may read'
                raise StackError(f"{shown(url)} is no database of LiteLLM's: {what}.")
            yield Source(connection, tables)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError) as error:
        raise StackError(f"LiteLLM's database cannot be read: {_why(error)}") from None
    finally:
        await _closed(connection)


def cleaned(url: str) -> tuple[str, str]:
    """Return the address as PostgreSQL's client takes it, and the schema; raise `StackError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise StackError("--database-url must be LiteLLM's DATABASE_URL: postgresql://user:password@host:5432/litellm.")
    given = parse_qsl(parts.query, keep_blank_values=True)
    schema = dict(given).get("schema") or "public"
    kept = urlencode([(name, value) for name, value in given if name not in _OF_PRISMA])
    return urlunsplit(parts._replace(query=kept)), f'"{schema}"' if not schema.isidentifier() else schema


def shown(url: str) -> str:
    """Return where a database is, without who asks."""
    parts = urlsplit(url)
    if "@" in parts.path + parts.fragment:
        return "at that address"  # a password that is not percent-encoded has torn it apart
    return f"{parts.path.lstrip('/') or 'postgres'} at {parts.netloc.rpartition('@')[2] or 'this machine'}"


async def _tables(connection: Any, schema: str) -> frozenset[str]:
    name = schema.strip('"')
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1"
    return frozenset(record[0] for record in await connection.fetch(query, name))


async def _closed(connection: Any) -> None:
    """Close in any case: a server that does not answer holds nobody up."""
    try:
        await connection.close(timeout=5)
    except (OSError, TimeoutError, asyncio.CancelledError):
        connection.terminate()


def _object(value: Any) -> dict[str, Any]:
    found = msgspec.json.decode(value) if isinstance(value, str) else None
    if isinstance(found, str):  # some columns hold a text of JSON
        found = msgspec.json.decode(found)
    return found if isinstance(found, dict) else {}


def _why(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return f"{text.splitlines()[0].rstrip('.')}."


def _driver() -> Any:
    try:
        import asyncpg
        import nacl.secret  # noqa: F401 - asked for here, so that nobody waits for it in vain
    except ImportError:
        raise StackError("the packages for this are missing; install them by 'pip install tollway[import]'.") from None
    return asyncpg
