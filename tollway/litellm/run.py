"""`tollway import-litellm`: brings what LiteLLM's database holds, from the objects that others refer to on."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.errors import InvalidRequest, TollwayError
from shared.schemas.control import ChangeKind
from shared.settings import Configuration, ConfigurationError
from shared.settings.runtime import encryption_keys
from shared.store.connection import Store
from shared.store.reshelving import reshelve
from shared.store.setup import ensure_indexes
from shared.store.shelves import SHELVED, Shelves
from tollway.ledger import store_url
from tollway.litellm import queries
from tollway.litellm.budgets import budget
from tollway.litellm.decryption import NotOpened, SaltKey
from tollway.litellm.found import Found, Known, Triple
from tollway.litellm.keys import KeyTranslation, name_of
from tollway.litellm.models import ModelTranslation, encrypted_values
from tollway.litellm.people import PeopleTranslation
from tollway.litellm.report import Report
from tollway.litellm.rows import LeftOut, mapping
from tollway.litellm.source import Source, opened
from tollway.litellm.writing import Writer
from tollway.stack.errors import StackError

LEFT_OUT = 3
"""The exit code of an import that left something out; 1 is for what could not be done."""

IN_ONE_TRANSACTION = 100
"""Objects that are written together; a transaction holds up other writers."""

Translate = Callable[[Triple, Known], Found]


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    database_url: str
    data_dir: Path
    configuration: Configuration
    dry_run: bool = False
    overwrite: bool = False
    report: Path | None = None


@dataclass(frozen=True)
class _Secrets:
    secret: bytes
    encryption_key: bytes
    salt: SaltKey | None


@dataclass(frozen=True)
class _Step:
    """One kind of object."""

    label: str
    kind: ChangeKind
    table: str
    query: str
    translate: Translate
    name: str
    """The column by which the report calls an object that could not be read."""


def import_database(wish: Wish, env: Mapping[str, str]) -> int:
    """Bring everything, print the report and return the exit code: `LEFT_OUT` or 0; raise `StackError`."""
    url, secrets = store_url(wish.data_dir), _secrets(wish.data_dir, env)
    console = Console()
    try:
        report = asyncio.run(_import(wish, url, secrets, console))
    except TollwayError as error:
        left = "what was imported until then stays, and another run goes on from there"
        raise StackError(f"{error.message.rstrip('.')}; {left}.") from None
    report.print(console)
    if wish.report is not None:
        _write(report, wish.report)
    return LEFT_OUT if report.anything_left_out else 0


async def _import(wish: Wish, url: str, secrets: _Secrets, console: Console) -> Report:
    report, now = Report(wish.dry_run), time.time()
    store = Store.open(url)
    try:
        async with opened(wish.database_url) as source:
            await _check_salt(source, secrets.salt)
            if wish.dry_run:
                await store.ping()
            else:
                await ensure_indexes(store)
            writer = Writer(store, secret=secrets.secret, now=now, dry=wish.dry_run, overwrite=wish.overwrite)
            steps = _steps(wish, secrets, await source.restricting(), now)
            # What comes into an empty list comes in its order.
            mixed = [collection for collection in SHELVED if await Shelves(store, collection).on_each()]
            with _bar(console) as bar:
                await _carry_out(steps, source, writer, report, bar)
                if not wish.dry_run and report.changes:
                    await _in_order(store, mixed, bar)
            for table, what in queries.OUTSIDE.items():
                if number := await source.count(table):
                    report.outside[what] = number
            if not wish.dry_run and report.changes:
                await writer.record_run(report.summary(), uuid.uuid4().hex)
    finally:
        await store.close()
    return report


async def _carry_out(steps: list[_Step], source: Source, writer: Writer, report: Report, bar: Progress) -> None:
    known = Known()
    for step in steps:
        if step.table not in source.tables:
            continue
        task = bar.add_task(step.label, total=await source.count(step.table) or None)
        async for triples in source.triples(step.query):
            for start in range(0, len(triples), IN_ONE_TRANSACTION):
                some = triples[start : start + IN_ONE_TRANSACTION]
                await _bring(step, some, known, writer, report)
                bar.advance(task, len(some))
        bar.update(task, total=bar.tasks[task].completed)


async def _in_order(store: Store, collections: list[str], bar: Progress) -> None:
    """Put lists in order: what came from there may be older than what was here before."""
    task = bar.add_task("lists", total=len(collections))
    for collection in collections:
        await reshelve(store, collection)
        bar.advance(task)


async def _bring(step: _Step, triples: list[Triple], known: Known, writer: Writer, report: Report) -> None:
    found: list[Found] = []
    for triple in triples:
        name = name_of(triple.row) if step.kind == "key" else str(triple.row.get(step.name) or "")
        try:
            found.append(step.translate(triple, known))
        except (LeftOut, InvalidRequest) as error:
            report.leave_out(step.label, name, str(error))
            _remember(step, known, str(triple.row.get(step.name) or ""), brought=False)
    for outcome in await writer.bring(found):
        report.add(step.label, outcome)
        _remember(step, known, outcome.found.id, brought=outcome.brought)


_REFERRED = frozenset({"budget", "credential", "organization", "team"})
"""Kinds whose ids are remembered; of users only those that were left out."""


def _remember(step: _Step, known: Known, id: str, *, brought: bool) -> None:
    if step.kind in _REFERRED or (step.kind == "user" and not brought):
        known.note(step.kind, id, brought=brought)


def _steps(wish: Wish, secrets: _Secrets, restricting: frozenset[str], now: float) -> list[_Step]:
    people = PeopleTranslation(restricting, now)
    keys = KeyTranslation(secrets.secret, restricting, now)
    models = ModelTranslation(secrets.salt, secrets.encryption_key, wish.configuration.credentials)
    membership = "LiteLLM_OrganizationMembership"
    return [
        _Step("budgets", "budget", "LiteLLM_BudgetTable", queries.BUDGETS, budget, "budget_id"),
        _Step(
            "organizations",
            "organization",
            "LiteLLM_OrganizationTable",
            queries.ORGANIZATIONS,
            people.organization,
            "organization_id",
        ),
        _Step("users", "user", "LiteLLM_UserTable", queries.USERS, people.user, "user_id"),
        _Step("teams", "team", "LiteLLM_TeamTable", queries.TEAMS, people.team, "team_id"),
        _Step("team members", "member", "LiteLLM_TeamTable", queries.TEAM_MEMBERS, people.team_member, "user_id"),
        _Step(
            "organization members",
            "member",
            membership,
            queries.ORGANIZATION_MEMBERS,
            people.organization_member,
            "user_id",
        ),
        _Step("keys", "key", "LiteLLM_VerificationToken", queries.KEYS, keys, "token"),
        _Step("customers", "customer", "LiteLLM_EndUserTable", queries.CUSTOMERS, people.customer, "user_id"),
        _Step(
            "credentials",
            "credential",
            "LiteLLM_CredentialsTable",
            queries.CREDENTIALS,
            models.credential,
            "credential_name",
        ),
        _Step("models", "model", "LiteLLM_ProxyModelTable", queries.MODELS, models.model, "model_id"),
    ]


async def _check_salt(source: Source, salt: SaltKey | None) -> None:
    """Raise `StackError` for a salt key that opens nothing at all, before anything is written."""
    if salt is None:
        return
    tried = False
    for table, query, column in (
        ("LiteLLM_CredentialsTable", queries.CREDENTIALS, "credential_values"),
        ("LiteLLM_ProxyModelTable", queries.MODELS, "litellm_params"),
    ):
        if table not in source.tables:
            continue
        async for triples in source.triples(query):
            for triple in triples:
                for value in encrypted_values(mapping(triple.row.get(column))):
                    tried = True
                    try:
                        salt.opened(value)
                    except NotOpened:
                        continue
                    return
    if tried:
        raise StackError(
            "LITELLM_SALT_KEY opens none of LiteLLM's credentials; say the one that LiteLLM runs with "
            "(where it has none, its master key)."
        )


def _secrets(data_dir: Path, env: Mapping[str, str]) -> _Secrets:
    """Return Tollway's own secrets, out of the environment or the data folder, and LiteLLM's salt key."""

    def told(variable: str, name: str) -> str:
        if value := env.get(variable):
            return value
        try:
            return (data_dir / "secrets" / name).read_text().strip()
        except OSError:
            raise StackError(
                f"{variable} is not set, and {data_dir} holds none; say what the services are told."
            ) from None

    try:
        keys = encryption_keys({"TOLLWAY_ENCRYPTION_KEY": told("TOLLWAY_ENCRYPTION_KEY", "encryption_key")})
        secret = bytes.fromhex(told("TOLLWAY_SECRET", "secret"))
    except (ConfigurationError, ValueError) as error:
        raise StackError(str(error)) from None
    salt = env.get("LITELLM_SALT_KEY") or env.get("LITELLM_MASTER_KEY")
    return _Secrets(secret, keys[0], SaltKey(salt) if salt else None)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True,
    )  # fmt: skip


def _write(report: Report, path: Path) -> None:
    try:
        path.write_text(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise StackError(f"the report cannot be written to {path}: {error.strerror}.") from None
