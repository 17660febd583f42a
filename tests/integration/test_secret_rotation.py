"""The encryption key is changed while everything runs."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.security.sealing import is_sealed_under, seal
from shared.store.connection import Store
from shared.store.credentials import CredentialRecord, Credentials, context_of, sealed_values
from shared.store.models import ModelRecord, Models
from shared.store.resealing import reseal
from shared.store.setup import ensure_indexes
from tests.support.managing import Management, Reply
from tests.support.stack import Stack
from tests.support.store_server import StoreServer

OLD, NEW, OTHER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A store server."""
    with StoreServer(Path(tmp_path_factory.mktemp("store"))) as running:
        yield running


@pytest.fixture
async def store(server: StoreServer) -> AsyncIterator[Store]:
    """An empty database."""
    opened = Store.open(server.url)
    await opened.client.drop_database("tollway")
    await ensure_indexes(opened)
    yield opened
    await opened.close()


def deployment(id: str, sealed: str) -> ModelRecord:
    """Return a deployment with a sealed credential."""
    return ModelRecord(id, "m", "openai", "gpt-4o", 1.0, api_key_sealed=sealed)


async def test_every_secret_is_sealed_anew_once(store: Store) -> None:
    """What no key opens is named and left; done again, nothing changes."""
    models, credentials = Models(store), Credentials(store)
    await models.insert(deployment("old", seal("a", OLD, "old")))
    await models.insert(deployment("new", seal("b", NEW, "new")))
    await models.insert(deployment("none", ""))
    await models.insert(deployment("lost", seal("c", OTHER, "lost")))
    values = sealed_values("shared", {"api_key": "d", "api_base": "https://x.example"}, OLD)
    await credentials.insert(CredentialRecord("shared", 1.0, sealed=values))
    for changed in (2, 0):
        states = [state async for state in reseal(store, (NEW, OLD))]
        assert (states[-1].total, states[-1].seen, states[-1].changed) == (5, 5, changed)
        assert states[-1].broken == ["model lost"]
    for id in ("old", "new"):
        record = await models.find(id)
        assert record is not None
        assert is_sealed_under(record.api_key_sealed, NEW, id)
    shared = await credentials.find("shared")
    assert shared is not None
    assert shared.opened(NEW) == {"api_key": "d", "api_base": "https://x.example"}


async def test_a_running_stack_gets_another_key(tmp_path: Path) -> None:
    """One command; models serve before, during and after, and the old key is forgotten."""
    with Stack(tmp_path) as stack:
        old = bytes.fromhex(stack.secret("encryption_key"))
        async with Management(stack) as manage:
            params = {"model": "openai/demo", "api_base": f"{stack.demo_url}/v1"}
            values = {"api_key": stack.secret("demo_key")}
            made = await manage.post("/model/new", model_name="own", litellm_params={**params, **values})
            await manage.post("/credentials", credential_name="c", credential_info={}, credential_values=values)
            named = {**params, "litellm_credential_name": "c"}
            await manage.post("/model/new", model_name="named", litellm_params=named)
            command = [sys.executable, "-m", "tollway", "rotate-secrets", "--data-dir", str(stack.data_dir)]
            running = asyncio.create_task(
                asyncio.to_thread(
                    subprocess.run, command, env=stack.environment(), capture_output=True, text=True, timeout=200
                )
            )
            statuses: set[int] = set()
            while not running.done():
                for model in ("own", "named"):
                    statuses.add((await _chat(manage, model)).status)
            done = running.result()
            assert done.returncode == 0, done.stderr
            assert "2 of 3 objects were sealed anew" in done.stdout
            assert statuses == {200}
            new = bytes.fromhex(stack.secret("encryption_key"))
            assert new != old
            await manage.post("/model/update", model_info={"id": made.body["model_id"]}, litellm_params={"weight": 2})
            assert (await _chat(manage, "own")).status == 200
        store = Store.open(stack.mongodb_url)
        record = await Models(store).find(made.body["model_id"])
        credential = await Credentials(store).find("c")
        await store.close()
        assert record is not None
        assert credential is not None
        assert is_sealed_under(record.api_key_sealed, new, record.id)
        assert is_sealed_under(credential.sealed["api_key"], new, context_of("c", "api_key"))
        assert not is_sealed_under(record.api_key_sealed, old, record.id)


async def _chat(manage: Management, model: str) -> Reply:
    return await manage.post("/v1/chat/completions", model=model, messages=[{"role": "user", "content": "Hello"}])


def test_nothing_to_rotate_says_what_to_do(tmp_path: Path) -> None:
    """One sentence and exit code 1: nothing runs there, or the key is not the folder's."""
    command = [sys.executable, "-m", "tollway", "rotate-secrets", "--data-dir", str(tmp_path)]
    environment = Stack(tmp_path).environment()
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "start it by 'tollway up'" in done.stderr
    (tmp_path / "run.json").write_text("{}")
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "TOLLWAY_ENCRYPTION_KEY=NEW,OLD" in done.stderr
