"""The table of permissions, in force on a real nats-server."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from shared.bus import subjects
from shared.bus.alerts import next_alert
from shared.bus.connection import Bus
from shared.bus.setup import ensure_streams
from tests.support.nats_server import NatsServer
from tollway.stack.nats_config import nats_config
from tollway.stack.permissions import ALERTS, DEAD_LETTERS, EVENTS, LIMITS, OPERATOR, SETUP_USER, USERS, permissions

PASSWORDS = {user: f"password-of-{user}" for user in USERS}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[NatsServer]:
    """Run nats-server with the stack's own configuration."""
    server = NatsServer(tmp_path / "nats")
    server.config = nats_config(port=server.port, store=server.folder, passwords=PASSWORDS)
    with server:
        yield server


@asynccontextmanager
async def connected(server: NatsServer, user: str, refusals: list[str]) -> AsyncIterator[Client]:
    async def refused(error: Exception) -> None:
        refusals.append(str(error))

    client = await nats.connect(server.url, user=user, password=PASSWORDS[user], error_cb=refused)
    try:
        yield client
    finally:
        await client.close()


def literal(pattern: str) -> str:
    """Return a subject that a pattern covers."""
    return pattern.replace("*", "some").replace(">", "some")


def covered(subject: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether one of the patterns covers a subject."""

    def matches(pattern: str) -> bool:
        wanted, given = pattern.split("."), subject.split(".")
        for index, token in enumerate(wanted):
            if token == ">":
                return len(given) > index
            if index >= len(given) or token not in ("*", given[index]):
                return False
        return len(wanted) == len(given)

    return any(matches(pattern) for pattern in patterns)


def every(side: str) -> set[str]:
    table = permissions()
    said = {subject for role in table.values() for subject in getattr(role, side)}
    return {literal(subject) for subject in said} | {"tollway.other", "other", "_INBOX.other.some", "$SYS.some"}


@pytest.mark.parametrize("user", USERS)
async def test_a_service_says_only_what_its_role_says(guarded: NatsServer, user: str) -> None:
    """Of all subjects that anybody may publish, each one outside the role is refused, each inside it is not."""
    own = permissions()[user].publish
    refusals: list[str] = []
    async with connected(guarded, user, refusals) as client:
        for subject in sorted(every("publish")):
            await client.publish(subject, b"{}")
        await client.flush()
        await asyncio.wait_for(_settled(client, refusals), 60)
    refused = {text.split('"')[1] for text in refusals}
    assert refused == {subject.lower() for subject in every("publish") if not covered(subject, own)}


@pytest.mark.parametrize("user", USERS)
async def test_a_service_hears_only_what_its_role_hears(guarded: NatsServer, user: str) -> None:
    """Of all subjects that anybody may subscribe to, each one outside the role is refused."""
    own = permissions()[user].subscribe
    refusals: list[str] = []
    async with connected(guarded, user, refusals) as client:
        for subject in sorted(every("subscribe") | {">", "tollway.>", "_INBOX.>"}):
            await client.subscribe(subject)
        await client.flush()
        await asyncio.wait_for(_settled(client, refusals), 60)
    refused = {text.split('"')[1] for text in refusals}
    asked = every("subscribe") | {">", "tollway.>", "_INBOX.>"}
    assert refused == {subject.lower() for subject in asked if not covered(subject, own)}


async def _settled(client: Client, refusals: list[str]) -> None:
    """Return once two flushes brought no new refusal."""
    before = -1
    while before != len(refusals):
        before = len(refusals)
        await client.flush()
        await client.flush()


async def test_a_service_may_answer_whoever_asked_it(guarded: NatsServer) -> None:
    """A reply goes to the asker's inbox, which nobody may publish to unasked."""
    refusals: list[str] = []
    async with connected(guarded, "edge", refusals) as edge:
        client = await nats.connect(
            guarded.url, user="router", password=PASSWORDS["router"], inbox_prefix=b"_INBOX.router"
        )

        async def answer(message: nats.aio.msg.Msg) -> None:
            await message.respond(b"yes")

        await edge.subscribe("tollway.edge.some.*", cb=answer)
        await edge.flush()
        await edge.flush()
        try:
            assert (await client.request("tollway.edge.some._may", b"", timeout=60)).data == b"yes"
        finally:
            await client.close()
    assert refusals == []


async def test_an_operator_reads_alerts_and_nothing_else(guarded: NatsServer) -> None:
    """One after the other, what a full stream threw away left out; no other stream, no consumer, no change."""
    setup, auth, operator = [
        await Bus.connect(guarded.url, name=user, inbox=user, user=user, password=PASSWORDS[user])
        for user in (SETUP_USER, "auth", OPERATOR)
    ]
    await ensure_streams(setup)
    for id in ("a", "b", "c"):
        await auth.jetstream.publish(subjects.soft_budget_reached(id), id.encode(), stream=subjects.ALERT_STREAM)
    await setup.jetstream.delete_msg(subjects.ALERT_STREAM, 1)
    try:
        assert await next_alert(operator, 0) == (2, b"b")
        assert await next_alert(operator, 2) == (3, b"c")
        assert await next_alert(operator, 3) is None
    finally:
        for bus in (setup, auth, operator):
            await bus.close()
    refusals: list[str] = []
    async with connected(guarded, OPERATOR, refusals) as client:
        for subject in (
            *(f"$JS.API.STREAM.MSG.GET.{name}" for name in (EVENTS, LIMITS, DEAD_LETTERS)),
            *(f"$JS.API.{verb}.{ALERTS}" for verb in ("STREAM.PURGE", "STREAM.DELETE", "STREAM.MSG.DELETE")),
            f"$JS.API.CONSUMER.CREATE.{ALERTS}.mine",
            subjects.soft_budget_reached("false"),
        ):
            refusals.clear()
            await client.publish(subject, b"{}")
            await _settled(client, refusals)
            assert len(refusals) == 1, subject
        for subject in (subjects.soft_budget_reached("*"), ">", "_INBOX.auth.>"):
            refusals.clear()
            await client.subscribe(subject)
            await _settled(client, refusals)
            assert len(refusals) == 1, subject


def test_nobody_gets_in_without_a_password(guarded: NatsServer) -> None:
    """An anonymous connection is refused."""
    with socket.create_connection(("127.0.0.1", guarded.port), 5) as connection:
        connection.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        said = b""
        while piece := connection.recv(4096):
            said += piece
    assert b"-ERR 'Authorization Violation'" in said
    assert b"PONG" not in said


def test_nats_server_finds_no_fault_in_the_configuration(guarded: NatsServer) -> None:
    """`nats-server -t` accepts the file."""
    command = [guarded.binary(), "-t", "-c", str(guarded.folder / "nats.conf")]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
