"""`tollway rotate-secrets`: another encryption key for everything that is sealed, while everything runs.

Where the environment says the keys, the operator has restarted the services with both before, and this seals anew.
On one machine it does all of it: a new key beside the old one, services that know both, everything sealed anew, and
the old key forgotten.
"""

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import Progress

from shared.errors import TollwayError
from shared.security.sealing import KEY_BYTES
from shared.settings import ConfigurationError
from shared.settings.runtime import encryption_keys
from shared.store.connection import Store
from shared.store.resealing import Resealed, reseal
from tollway.stack.errors import StackError
from tollway.stack.folder import DataFolder

RESTART_SECONDS = 180.0
"""So long may all services take to be replaced one by one."""

HOLDERS = ("router", "admin")
"""Services that hold the encryption key."""


def rotate(data_dir: Path, env: Mapping[str, str]) -> Resealed:
    """Rotate the key that the environment or the data folder says; raise `StackError`."""
    if env.get("TOLLWAY_ENCRYPTION_KEY"):
        if not env.get("MONGODB_URL"):
            raise StackError("MONGODB_URL is not set; say where MongoDB is.")
        return _reseal(env["MONGODB_URL"], env["TOLLWAY_ENCRYPTION_KEY"])
    folder = DataFolder(data_dir)
    run = _running(folder)
    key_file = folder.secrets / "encryption_key"
    if not key_file.exists():
        raise StackError(
            "The encryption key is not in the data folder, so it came from the environment: restart with "
            "TOLLWAY_ENCRYPTION_KEY=NEW,OLD, and run this with the same and MONGODB_URL."
        )
    with folder.writing():
        known = key_file.read_text().strip()
        # A rotation that was cut off goes on with the key that it made.
        keys = known if "," in known else f"{secrets.token_hex(KEY_BYTES)},{known}"
        folder.write(key_file, f"{keys}\n".encode())
    _restart(folder, run)
    done = _reseal(env.get("MONGODB_URL") or run["mongodb_url"], keys)
    if not done.broken:
        with folder.writing():
            folder.write(key_file, f"{keys.partition(',')[0]}\n".encode())
    return done


def _running(folder: DataFolder) -> dict[str, Any]:
    try:
        run: dict[str, Any] = json.loads(folder.run_file.read_text())
    except (OSError, ValueError):
        raise StackError(
            f"Nothing runs in {folder.path}; start it by 'tollway up', or say MONGODB_URL and TOLLWAY_ENCRYPTION_KEY."
        ) from None
    return run


def _restart(folder: DataFolder, before: Mapping[str, Any]) -> None:
    """Have every process that holds the key replaced by one that holds both."""
    old = _holders(before)
    try:
        os.kill(before["pid"], signal.SIGHUP)
    except ProcessLookupError:
        raise StackError(f"Nothing runs in {folder.path} any more; start it by 'tollway up'.") from None
    end = time.monotonic() + RESTART_SECONDS
    while old & _holders(run := _running(folder)):
        if run.get("refusals") != before.get("refusals"):
            raise StackError(f"{run['refusal']} Correct it and run this again.")
        if time.monotonic() > end:
            raise StackError("The services were not restarted with the new key; their logs say why. Run this again.")
        time.sleep(0.1)


def _holders(run: Mapping[str, Any]) -> set[int]:
    return {pid for service in HOLDERS for pid in run["pids"].get(service, [])}


def _reseal(url: str, keys: str) -> Resealed:
    try:
        return asyncio.run(_reseal_with_progress(url, encryption_keys({"TOLLWAY_ENCRYPTION_KEY": keys})))
    except (TollwayError, ConfigurationError) as error:
        raise StackError(str(error)) from None


async def _reseal_with_progress(url: str, keys: tuple[bytes, ...]) -> Resealed:
    store = Store.open(url)
    state = Resealed()
    try:
        with Progress() as progress:
            task = progress.add_task("Sealing anew", total=None)
            async for state in reseal(store, keys):
                progress.update(task, total=state.total, completed=state.seen)
    finally:
        await store.close()
    return state
