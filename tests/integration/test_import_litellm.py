"""`tollway import-litellm`: LiteLLM's own schema on a real PostgreSQL, brought into a real store."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from services.admin.domain.key_ids import stored_candidates
from shared.periods import period
from shared.pricing.money import to_nano
from shared.schemas.limits import Limits, ModelLimits
from shared.schemas.scopes import Scope, member_id
from shared.security.sealing import unseal
from shared.settings import Configuration
from shared.store.audit import Audit
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.credentials import Credentials
from shared.store.keys import KeyRecord, Keys
from shared.store.ledger import Ledger
from shared.store.models import Models
from shared.store.pages import Wanted
from shared.store.people import UserRecord, customers, membership_id, memberships, organizations, teams, users
from shared.store.setup import ensure_indexes
from shared.store.shelves import ROOM
from shared.store.verification import rebuild, verify
from tests.support.litellm_database import LiteLLMDatabase, token_of
from tests.support.litellm_world import KEY, OPENAI_KEY, SALT, TEAM_KEY, at, fill, fill_with_what_cannot_come
from tests.support.stopping import stop
from tests.support.store_server import StoreServer
from tollway.litellm.run import LEFT_OUT, Wish, import_database
from tollway.stack.errors import StackError

SECRET, ENCRYPTION = bytes(range(32)), bytes(range(32, 64))
NANO = 10**9

T = TypeVar("T")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """One store server for all tests here; the command knows one database alone, and each test empties that."""
    with StoreServer(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[LiteLLMDatabase]:
    """One PostgreSQL for all tests here."""
    with LiteLLMDatabase() as database:
        yield database


@pytest.fixture
def litellm(postgres: LiteLLMDatabase) -> LiteLLMDatabase:
    """LiteLLM's database, with one of everything."""
    with postgres.together():
        postgres.empty()
        fill(postgres)
    return postgres


class Import:
    """Runs the import into an empty store."""

    def __init__(self, server: StoreServer, source: LiteLLMDatabase, folder: Path) -> None:
        self._url = source.url
        self._server = server
        self.folder = folder

    def run(self, *, salt: str = SALT, url: str = "", **wish: Any) -> int:
        """Import, and return the exit code."""
        env = {
            "TOLLWAY_SECRET": SECRET.hex(),
            "TOLLWAY_ENCRYPTION_KEY": ENCRYPTION.hex(),
            **({"LITELLM_SALT_KEY": salt} if salt else {}),
        }
        asked = Wish(url or self._url, self.folder, Configuration(), report=self.folder / "report.json", **wish)
        return import_database(asked, env)

    @property
    def report(self) -> Any:
        """What the last run reported."""
        return json.loads((self.folder / "report.json").read_text())

    def ask(self, question: Callable[[Store], Awaitable[T]]) -> T:
        """Return what the store answers."""

        async def run() -> T:
            store = Store.open(self._server.url)
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def key(self, key: str) -> KeyRecord | None:
        """Return a key's record."""
        [hash] = stored_candidates(key, SECRET)
        return self.ask(lambda store: Keys(store).find(hash))

    def spent(self, kind: Any, id: str, since: float = 0.0) -> float:
        """Return dollars that a scope has spent."""
        return self.ask(lambda store: Ledger(store).spent(Scope(kind, id), since)) / NANO

    def everything(self) -> dict[str, list[Any]]:
        """Return every document of the store."""

        async def read(store: Store) -> dict[str, list[Any]]:
            names = await store.database.list_collection_names()
            return {
                name: sorted([item async for item in store.database[name].find({})], key=str)
                for name in names
                if name != "ledger_state"
            }

        return self.ask(read)


@pytest.fixture
def imported(server: StoreServer, litellm: LiteLLMDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Something that imports into an empty store."""
    monkeypatch.setenv("MONGODB_URL", server.url)
    work = Import(server, litellm, tmp_path)
    work.ask(lambda store: store.client.drop_database("tollway"))
    work.ask(ensure_indexes)
    return work


@pytest.fixture
def imported_much(litellm: LiteLLMDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    """The same into a store of its own: to empty one of much takes the embedded store long."""
    with StoreServer(tmp_path / "store") as server:
        monkeypatch.setenv("MONGODB_URL", server.url)
        work = Import(server, litellm, tmp_path)
        work.ask(ensure_indexes)
        yield work


def test_keys_go_on_working_under_their_hashes(imported: Import) -> None:
    """With their limits, their owner and the rest of their budget's period."""
    assert imported.run() == 0
    record = imported.key(KEY)
    assert record is not None
    assert (record.key_alias, record.user_id, record.models, record.tags) == ("old", "ann", ("demo",), ("prod",))
    assert record.limits.rpm == 60
    assert record.limits.max_budget == NANO
    assert record.limits.models == {"demo": ModelLimits(rpm=50)}
    assert record.metadata == {"note": "kept"}
    assert record.expires == pytest.approx(time.time() + 30 * 86_400, abs=60)
    assert imported.key("sk-nobodys-key-0000") is None


def test_people_come_with_their_groups_and_budgets(imported: Import) -> None:
    """Users, teams with aliases and what each member may use, organizations, memberships, customers."""
    assert imported.run() == 0
    ann = imported.ask(lambda store: users(store).find("ann"))
    bob = imported.ask(lambda store: users(store).find("bob"))
    assert ann is not None
    assert bob is not None
    assert (ann.role, ann.email, bob.role) == ("proxy_admin", "ann@example.com", "internal_user")
    team = imported.ask(lambda store: teams(store).find("team"))
    assert team is not None
    assert (team.organization_id, team.model_aliases, team.limits.tpm) == ("org", {"gpt": "demo"}, 100_000)
    assert (team.member_limits.max_budget, team.member_limits.rpm) == (3 * NANO, 7)
    assert team.metadata == {"cost_center": "é"}
    organization = imported.ask(lambda store: organizations(store).find("org"))
    assert organization is not None
    assert organization.budget_id == "b-org"
    found = imported.ask(
        lambda store: memberships(store).find_many(
            [
                membership_id("team", "team", "ann"),
                membership_id("team", "team", "bob"),
                membership_id("organization", "org", "bob"),
            ]
        )
    )
    of_ann, of_bob, in_org = found.values()
    assert (of_ann.role, of_bob.role, in_org.role) == ("admin", "user", "admin")
    assert (of_bob.budget_id, of_bob.models) == ("b-member", ("demo",))
    blocked = imported.ask(lambda store: customers(store).find("customer-2"))
    assert blocked is not None
    assert blocked.blocked


def test_credentials_are_decrypted_and_sealed_anew(imported: Import) -> None:
    """Those of both of LiteLLM's ciphers, and in the database none of them stands in clear."""
    assert imported.run() == 0
    [credential] = imported.ask(lambda store: Credentials(store).by_name()).values()
    assert credential.opened(ENCRYPTION) == {"api_key": OPENAI_KEY}
    models = {record.id: record for record in imported.ask(lambda store: Models(store).all())}
    assert unseal(models["m-1"].api_key_sealed, ENCRYPTION, "m-1") == OPENAI_KEY
    assert (models["m-1"].provider, models["m-1"].model, models["m-1"].rpm) == ("openai", "gpt-4.1", 100)
    assert models["m-2"].credential_name == "openai"
    assert "canary" not in json.dumps(imported.everything(), default=str)


def test_spend_of_the_current_period_counts_for_each_alone(imported: Import) -> None:
    """A key's is not counted again for its team, nor in any total; documents and sums agree, and can be rebuilt."""
    assert imported.run() == 0

    def check() -> None:
        record = imported.key(KEY)
        assert record is not None
        begin, _ = period(record.limits.budget_duration, record.limits.budget_since, time.time())
        assert imported.spent("key", record.id, begin) == 0.75
        assert imported.spent("user", "ann") == 4.0
        assert imported.spent("team", "team") == 3.25
        assert imported.spent("organization", "org") == 12.5
        assert imported.spent("customer", "customer-1") == 4.5
        assert imported.spent("member", member_id("team", "bob")) == 1.75
        assert imported.spent("user", "bob") == 0
        listed = imported.ask(lambda store: Ledger(store).listing.newest(Wanted(), since=0, until=1e10, limit=9))
        assert listed == []
        mine = Wanted(key=record.id)
        now = time.time()
        own = imported.ask(lambda store: Ledger(store).listing.newest(mine, since=now - 600, until=now + 600, limit=9))
        assert [item["route"] for item in own] == ["import"]

    check()
    verified = imported.ask(lambda store: verify(store, "test", lambda what, more: None))
    assert verified.differences == ()
    assert verified.spend == 0
    imported.ask(lambda store: rebuild(store, "test", lambda what, more: None))
    check()


def test_a_period_goes_on_as_it_did(imported: Import) -> None:
    """A budget of 45 days ends when it would have ended there."""
    assert imported.run() == 0
    ann = imported.ask(lambda store: users(store).find("ann"))
    assert ann is not None
    _, end = period("45d", ann.limits.budget_since, time.time())
    assert abs(end - (time.time() + 15 * 86_400)) < 86_400


def test_a_second_run_changes_nothing(imported: Import) -> None:
    """Not one document."""
    imported.run()
    before = imported.everything()
    assert imported.run() == 0
    assert imported.everything() == before
    assert sum(counts["unchanged"] for counts in imported.report["kinds"].values()) == sum(
        counts["read"] for counts in imported.report["kinds"].values()
    )


def test_a_dry_run_writes_nothing(imported: Import) -> None:
    """It reports what a run would do."""
    before = imported.everything()
    assert imported.run(dry_run=True) == 0
    assert imported.everything() == before
    planned = imported.report
    imported.run()
    assert planned["dry_run"]
    assert planned["kinds"] == imported.report["kinds"]


def test_news_come_and_what_was_changed_here_stays(imported: Import, litellm: LiteLLMDatabase) -> None:
    """Unless the operator wants it overwritten."""
    imported.run()

    async def change(store: Store) -> None:
        [hash] = stored_candidates(TEAM_KEY, SECRET)
        await Keys(store).set_blocked(hash, True, at=time.time(), by="somebody")

    imported.ask(change)
    litellm.execute("""UPDATE "LiteLLM_VerificationToken" SET rpm_limit = 5""")
    assert imported.run() == LEFT_OUT
    old, changed = imported.key(KEY), imported.key(TEAM_KEY)
    assert old is not None
    assert changed is not None
    assert old.limits.rpm == 5
    assert changed.limits == Limits()
    assert changed.blocked
    assert imported.report["left_out"][0]["why"].startswith("It was changed here")
    history = imported.ask(lambda store: Audit(store).history("key", old.hash))
    assert [entry.action for entry in history] == ["key.reimported"]
    assert imported.run(overwrite=True) == 0
    again = imported.key(TEAM_KEY)
    assert again is not None
    assert (again.limits.rpm, again.blocked) == (5, False)


def test_what_was_deleted_here_does_not_come_back(imported: Import) -> None:
    """A key that was taken away after the import stays away."""
    imported.run()
    [hash] = stored_candidates(KEY, SECRET)
    imported.ask(lambda store: Keys(store).delete(hash))
    assert imported.run() == LEFT_OUT
    assert imported.key(KEY) is None
    assert imported.report["left_out"][0]["why"].startswith("It was deleted here")


def test_later_spend_is_carried_over_once(imported: Import, litellm: LiteLLMDatabase) -> None:
    """The difference since the last run; a period that is over leaves nothing."""
    imported.run()
    litellm.execute("""UPDATE "LiteLLM_TeamTable" SET spend = 5.0""")
    past = at(hours=1)
    litellm.execute(f"""UPDATE "LiteLLM_UserTable" SET spend = 9.0, budget_reset_at = '{past}'""")
    for _ in range(2):
        imported.run()
        assert imported.spent("team", "team") == 5.0
        assert imported.spent("user", "ann") == 4.0
    verified = imported.ask(lambda store: verify(store, "test", lambda what, more: None))
    assert verified.differences == ()


def test_what_cannot_come_is_reported_and_loosens_nothing(imported: Import, litellm: LiteLLMDatabase) -> None:
    """Each object with its reason; what refers to one of them stays away too."""
    fill_with_what_cannot_come(litellm)
    assert imported.run() == LEFT_OUT
    why = {item["name"]: item["why"] for item in imported.report["left_out"]}
    assert "'tpd_limit' is not supported yet" in why["per day"]
    assert why["orphan"] == "Its team 'gone' does not exist."
    assert "'policies'" in why["dan"]
    assert why["of dan"] == "Its user 'dan' was left out."
    assert "bedrock" in why["m-3"] or "aws_secret_access_key" in why["m-3"]
    assert why["m-4"] == "It does not open under this LITELLM_SALT_KEY."
    assert "exists already" in why["cat"]
    assert imported.key("sk-per-day-0000000000") is None
    fields = {(item["kind"], item["field"]) for item in imported.report["fields_not_carried"]}
    assert {("users", "password"), ("teams", "metadata.logging"), ("teams", "team_member_permissions")} <= fields
    assert imported.report["not_imported"] == {"tags with budgets of their own": 1}
    assert "canary" not in json.dumps(imported.report) + json.dumps(imported.everything(), default=str)


def test_a_wrong_salt_key_stops_before_anything_is_written(imported: Import) -> None:
    """With one sentence, which holds neither key."""
    before = imported.everything()
    with pytest.raises(StackError) as error:
        imported.run(salt="another salt key")
    assert str(error.value).startswith("LITELLM_SALT_KEY opens none")
    assert "another" not in str(error.value)
    assert imported.everything() == before


def test_without_a_salt_key_all_but_the_credentials_come(imported: Import) -> None:
    """What is encrypted is left out, and the report says what to do."""
    assert imported.run(salt="") == LEFT_OUT
    assert imported.key(KEY) is not None
    assert {item["kind"] for item in imported.report["left_out"]} == {"credentials", "models"}
    assert all("LITELLM_SALT_KEY is not set" in item["why"] for item in imported.report["left_out"])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://x:canary@h/d", "--database-url must be"),
        ("postgresql://x:canary@127.0.0.1:1/d", "cannot be opened"),
        ("postgresql://x:canary@127.0.0.1:port/d", "cannot be read"),
        ("postgresql://x:canary#1@127.0.0.1/d", "percent-encoded"),
        ("postgresql://x:canary/1@127.0.0.1/d", "percent-encoded"),
        ("postgresql://x:canary@nowhere.invalid/d", "cannot be opened"),
    ],
)
def test_an_address_where_no_database_answers_is_one_sentence(imported: Import, url: str, said: str) -> None:
    """Without the password."""
    with pytest.raises(StackError, match=said) as error:
        imported.run(url=url)
    assert "canary" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_password_and_a_missing_right_are_one_sentence(imported: Import, litellm: LiteLLMDatabase) -> None:
    """As the server says it, without the password."""
    litellm.add_role("stranger", "canary-right")
    with pytest.raises(StackError, match="password authentication failed for user") as error:
        imported.run(url=litellm.url_of("stranger", "canary-wrong"))
    assert "canary" not in str(error.value)
    with pytest.raises(StackError, match="or none that this user may read") as error:
        imported.run(url=litellm.url_of("stranger", "canary-right"))
    assert "canary" not in str(error.value)


def test_an_import_that_is_killed_is_finished_by_another(imported_much: Import, litellm: LiteLLMDatabase) -> None:
    """Each object and its spend once."""
    litellm.execute(
        """INSERT INTO "LiteLLM_VerificationToken" (token, spend) SELECT encode(sha256(n::text::bytea), 'hex'), 0.001
        FROM generate_series(1, 2000) n"""
    )
    command = [sys.executable, "-m", "tollway", "import-litellm", "--database-url", litellm.url]
    secrets = {"TOLLWAY_SECRET": SECRET.hex(), "TOLLWAY_ENCRYPTION_KEY": ENCRYPTION.hex(), "LITELLM_SALT_KEY": SALT}
    with subprocess.Popen(command, env=os.environ | secrets, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        while True:
            # It stands still while it is looked at, so that it does not end meanwhile.
            stop(process.pid)
            if (written := imported_much.ask(lambda store: Keys(store).count())) >= 300:
                break
            assert time.monotonic() < end
            process.send_signal(signal.SIGCONT)
            assert process.poll() is None
            time.sleep(0.1)
        process.kill()
    assert written < 2000
    assert imported_much.run() == 0
    assert imported_much.ask(lambda store: Keys(store).count()) == 2002
    spent = imported_much.ask(_openings)
    assert len(spent) == 2007
    assert sum(spent) == 2000 * NANO // 1000 + sum(map(to_nano, (0.75, 2.0, 4.0, 3.25, 12.5, 4.5, 1.75)))
    verified = imported_much.ask(lambda store: verify(store, "test", lambda what, more: None))
    assert verified.differences == ()


async def _openings(store: Store) -> list[int]:
    found = await store.database.ledger.find({"route": "import"}, {"cost": 1}).to_list(length=None)
    return [item["cost"] for item in found]


def test_a_database_without_litellms_tables_is_named(imported: Import, litellm: LiteLLMDatabase) -> None:
    """Whatever else is in it."""
    other = litellm.url.replace(litellm.name, "postgres")
    with pytest.raises(StackError, match="is no database of LiteLLM's"):
        imported.run(url=other)


def test_json_that_is_stored_as_text_is_read(imported: Import, litellm: LiteLLMDatabase) -> None:
    """As some versions of LiteLLM wrote it."""
    members = [{"role": "user", "user_id": "bob"}]
    litellm.add("TeamTable", team_id="texts", members_with_roles=json.dumps(members), metadata='{"a": 1}')
    assert imported.run() == 0
    team = imported.ask(lambda store: teams(store).find("texts"))
    assert team is not None
    assert team.metadata == {"a": 1}
    id = membership_id("team", "texts", "bob")
    assert imported.ask(lambda store: memberships(store).find(id)) is not None


def test_parameters_of_litellms_own_client_are_no_harm(imported: Import, litellm: LiteLLMDatabase) -> None:
    """Its DATABASE_URL works as it stands."""
    assert imported.run(url=f"{litellm.url}&connection_limit=10&pool_timeout=60&schema=public&pgbouncer=true") == 0


def test_changes_are_numbered_so_that_workers_hear_them(imported: Import) -> None:
    """One number for each object, and none for a run that changes nothing."""
    imported.run()
    number = imported.ask(lambda store: Changes(store).latest())
    created = sum(counts["created"] for counts in imported.report["kinds"].values())
    assert number == created
    changes = imported.ask(lambda store: Changes(store).since(0))
    [hash] = stored_candidates(KEY, SECRET)
    assert ("key", hash) in [(change.kind, change.id) for change in changes]
    imported.run()
    assert imported.ask(lambda store: Changes(store).latest()) == number


def test_hundreds_of_keys_come_in_the_order_of_their_making(imported_much: Import, litellm: LiteLLMDatabase) -> None:
    """And the list of keys counts them."""
    litellm.execute(
        """INSERT INTO "LiteLLM_VerificationToken" (token, key_name, created_at, metadata)
        SELECT encode(sha256(('sk-many-' || n)::bytea), 'hex'), 'sk-...many', now() - n * interval '1 minute', '{}'
        FROM generate_series(1, 700) n"""
    )
    assert imported_much.run() == 0
    assert imported_much.ask(lambda store: Keys(store).count()) == 702
    assert imported_much.key("sk-many-699") is not None
    assert token_of("sk-many-1") not in json.dumps(imported_much.everything()["keys"], default=str)


def test_what_was_made_before_in_litellm_stands_behind_what_was_made_here(
    imported: Import, litellm: LiteLLMDatabase
) -> None:
    """Lists go by LiteLLM's `created_at`, though its objects came later."""
    here = UserRecord("made-here", time.time() - 60)

    async def make(store: Store) -> None:
        await ensure_indexes(store)
        some = [here, *(UserRecord(f"u{number}", here.created_at + 1) for number in range(ROOM))]
        await store.atomically(lambda session: users(store).insert_many(some, session))

    imported.ask(make)
    assert imported.run() == 0
    listed = imported.ask(lambda store: users(store).page({}, skip=0, limit=2 * ROOM))
    assert [user.created_at for user in listed] == sorted((user.created_at for user in listed), reverse=True)
    assert listed[-1].id != here.id


def test_a_run_leaves_one_audit_entry(imported: Import) -> None:
    """A run's audit entry has the counts alone."""
    imported.run()
    [entry] = imported.ask(_runs)
    assert entry["actor"] == "litellm import"
    assert msgspec.json.decode(entry["after"])["kinds"]["keys"]["created"] == 2


async def _runs(store: Store) -> list[Any]:
    found: list[Any] = await store.database.audit.find({"kind": "import"}).to_list(length=None)
    return found
