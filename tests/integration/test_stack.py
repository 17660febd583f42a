"""The one-machine stack: what `tollway up` starts, keeps running, refuses and leaves behind."""

import asyncio
import datetime
import ipaddress
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.nats_server import NatsServer
from tests.support.stack import Stack
from tests.support.store_server import StoreServer


def until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def ready(url: str) -> bool:
    return get(f"{url}/health/readiness")[0] == 200


def refused(stack: Stack) -> tuple[int, str]:
    """Run a stack that cannot start; return its exit code and what it said."""
    stack.launch()
    code = stack.process.wait(180)
    assert stack.alive() == []
    return code, stack.said()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole stack that every test leaves running."""
    with Stack(tmp_path_factory.mktemp("lasting")) as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A whole stack for a test that ends it."""
    with Stack(tmp_path / "stack") as running:
        yield running


def test_the_printed_curl_line_works_as_pasted(lasting: Stack) -> None:
    """The stack answers the very line that it prints."""
    line = next(line for line in lasting.said().splitlines() if line.strip().startswith("curl "))
    answer = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=90, check=True)
    assert json.loads(answer.stdout)["choices"][0]["message"]["content"]
    assert lasting.master_key in lasting.said()
    assert f"{lasting.url}/docs" in lasting.said()


def test_a_stopped_stack_leaves_nothing_behind(stack: Stack) -> None:
    """SIGTERM ends every process with exit code 0, frees every port and lets go of the folder."""
    facts = stack.run_facts()
    assert stack.stop() == 0
    assert stack.alive() == []
    assert [port for port in facts["ports"].values() if listening(port)] == []
    assert not (stack.data_dir / "run.json").exists()


def test_a_killed_supervisor_leaves_nothing_behind(stack: Stack) -> None:
    """Children never outlive the supervisor, and the folder can be used again at once."""
    facts = stack.run_facts()
    stack.process.kill()
    stack.process.wait(60)
    until(lambda: stack.alive() == [])
    # A process with threads counts as dead before the last of them has let go of its sockets.
    until(lambda: not any(listening(port) for port in facts["ports"].values()))
    with Stack(stack.folder) as again:
        assert ready(again.url)


def test_an_interrupt_on_the_terminal_drains(stack: Stack) -> None:
    """Ctrl-C is a clean end."""
    assert stack.stop(signal.SIGINT) == 0
    assert "Stopped." in stack.said()


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    """With a request in flight the first one waits; the second one does not."""
    with Stack(tmp_path / "stack") as stack, ThreadPoolExecutor(1) as pool:
        body = json.dumps({"model": "slow", "messages": [{"role": "user", "content": "Hi"}]}).encode()
        request = urllib.request.Request(
            f"{stack.url}/v1/chat/completions", body, {**stack.headers(), "x-demo-behaviour": "latency=60s"}
        )
        stack.kill("edge", number=signal.SIGSTOP)  # so that it cannot end by itself
        pool.submit(lambda: urllib.request.urlopen(request, timeout=5))
        stack.send(signal.SIGINT)
        until(lambda: "Stopping: " in stack.said())
        began = time.monotonic()
        stack.send(signal.SIGINT)
        stack.process.wait(60)
        assert time.monotonic() - began < 15, "it waited for the drain limit"
        assert stack.alive() == []


def test_a_second_start_on_the_same_folder_says_who_holds_it(lasting: Stack) -> None:
    """The second `tollway up` names the first one's process and what to do."""
    second = Stack(lasting.folder)
    second.output = lasting.folder / "second.log"
    code, said = refused(second)
    assert (code, len(said.splitlines())) == (1, 1)
    assert f"process {lasting.process.pid}" in said
    assert "--data-dir" in said
    assert ready(lasting.url)


@pytest.mark.parametrize("service", ["router", "nats-server", "store", "edge"])
def test_a_child_that_dies_is_started_again(lasting: Stack, service: str) -> None:
    """It says so, and requests are answered again."""
    old = lasting.kill(service)
    until(lambda: lasting.pids(service) not in ([], [old]))
    assert f"{service} was killed by SIGKILL; it is started again in 0.1 s." in lasting.said()
    until(lambda: ready(lasting.url))


def test_a_restart_of_the_edge_refuses_no_connection(lasting: Stack) -> None:
    """The listening socket outlives the edge that serves it: connections wait, they are not refused."""
    port = lasting.run_facts()["ports"]["edge"]
    old = lasting.kill("edge")
    until(lambda: old not in lasting.pids("edge"))
    assert listening(port)
    until(lambda: ready(lasting.url))


def test_a_rolling_restart_replaces_every_worker(tmp_path: Path) -> None:
    """After SIGHUP every worker is a new one, and meanwhile no probe went unanswered."""
    with Stack(tmp_path / "stack", workers={"router": 2}) as stack:
        before = {pid for name, pids in stack.run_facts()["pids"].items() for pid in pids if name != "store"}
        stack.send(signal.SIGHUP)
        answers = []
        while "All services were restarted." not in stack.said():
            answers.append(get(f"{stack.url}/health/readiness")[0])
        after = stack.run_facts()["pids"]
        services = [pid for name in ("auth", "guardrails", "router", "billing", "admin", "edge") for pid in after[name]]
        # A worker that gets no time for its beats on a busy machine may count as away for a moment.
        assert 200 in answers
        assert set(answers) <= {200, 503}
        assert len(after["router"]) == 2
        assert not before & set(services)


async def test_a_rolling_restart_loses_no_request(tmp_path: Path) -> None:
    """Under load, streamed and not, on connections that are kept alive, each request gets its whole answer."""
    slow = {"model_name": "slow", "deployments": [{"provider": "demo", "model": "demo;tokens=20;rate=200/s"}]}
    workers = {"auth": 2, "guardrails": 2, "router": 2}
    with Stack(tmp_path / "stack", workers=workers, config={"models": [slow]}) as stack:
        url, headers = f"{stack.url}/v1/chat/completions", stack.headers()
        failures: list[str] = []
        answered = 0
        over = asyncio.Event()

        async def ask(session: aiohttp.ClientSession, *, stream: bool) -> None:
            nonlocal answered
            body = {"model": "slow", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
            while not over.is_set():
                try:
                    async with session.post(url, json=body, headers=headers) as response:
                        text = await response.text()
                        if response.status != 200 or ("[DONE]" if stream else '"finish_reason":"stop"') not in text:
                            failures.append(f"{response.status} {text[-300:]}")
                        answered += 1
                except aiohttp.ClientError as error:
                    failures.append(repr(error))

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.timeout(250):
            asking = [asyncio.ensure_future(ask(session, stream=number % 2 == 0)) for number in range(16)]
            while answered < 32:
                await asyncio.sleep(0.02)
            stack.send(signal.SIGHUP)
            while "All services were restarted." not in stack.said():
                await asyncio.sleep(0.02)
            over.set()
            await asyncio.gather(*asking)
        assert failures == []


def test_the_data_folder_survives_a_restart(tmp_path: Path) -> None:
    """Secrets are made once, and are readable by their owner only."""
    with Stack(tmp_path / "stack") as first:
        key = first.master_key
        modes = {path.stat().st_mode & 0o777 for path in (first.data_dir / "secrets").iterdir()}
        assert modes == {0o600}
        assert first.data_dir.stat().st_mode & 0o777 == 0o700
    with Stack(tmp_path / "stack") as second:
        assert second.master_key == key
        assert get(f"{second.url}/v1/models", second.headers())[0] == 200


def test_the_environments_master_key_wins(tmp_path: Path) -> None:
    """TOLLWAY_MASTER_KEY is used, and is not written to the folder."""
    given = "sk-chosen-by-the-operator"
    with Stack(tmp_path / "stack", env={"TOLLWAY_MASTER_KEY": given}) as stack:
        assert get(f"{stack.url}/v1/models", stack.headers(given))[0] == 200
        assert not (stack.data_dir / "secrets" / "master_key").exists()


def test_servers_that_are_there_already_are_used(tmp_path: Path) -> None:
    """With NATS_URL and MONGODB_URL set, neither is started."""
    with NatsServer(tmp_path / "nats") as nats, StoreServer(tmp_path / "store") as store:
        with Stack(tmp_path / "stack", env={"NATS_URL": nats.url, "MONGODB_URL": store.url}) as stack:
            assert stack.pids("nats-server") == stack.pids("store") == []
            assert get(f"{stack.url}/v1/models", stack.headers())[0] == 200


def test_a_broker_with_tls_and_a_user_is_used(tmp_path: Path) -> None:
    """NATS_CA says whom to trust, NATS_USER and NATS_PASSWORD who we are; without the CA nothing is sent."""
    authority = certificates(tmp_path)
    nats = NatsServer(tmp_path / "nats")
    nats.config += (
        'authorization { user: "gateway", password: "its-password" }\n'
        f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key" }}\n'
    )
    with nats, StoreServer(tmp_path / "store") as store:
        outside = {
            "NATS_URL": nats.url.replace("nats://", "tls://"),
            "NATS_USER": "gateway",
            "NATS_PASSWORD": "its-password",
            "MONGODB_URL": store.url,
        }
        with Stack(tmp_path / "stack", env={**outside, "NATS_CA": str(authority)}) as stack:
            assert get(f"{stack.url}/v1/models", stack.headers())[0] == 200
        code, said = refused(Stack(tmp_path / "distrustful", env=outside))
    assert (code, len(said.splitlines())) == (1, 1)
    assert "cannot be reached" in said


def certificates(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that signs itself, and its key; return the certificate's path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(key.private_bytes(*plain))
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "server.pem"


def test_the_demo_model_can_be_left_out(tmp_path: Path) -> None:
    """`demo: false` starts no demo provider and lists no demo model."""
    with Stack(tmp_path / "stack", config={"demo": False}) as stack:
        assert stack.pids("demo-provider") == []
        assert b'"demo"' not in get(f"{stack.url}/v1/models", stack.headers())[1]
        assert "curl" not in stack.said()


def test_no_process_knows_more_than_its_role_needs(lasting: Stack) -> None:
    """A service's environment holds no secret of another role, and nothing is on a command line."""
    secrets = {name: lasting.secret(name) for name in ("master_key", "secret", "encryption_key", "demo_key")}
    for name, pids in lasting.run_facts()["pids"].items():
        for pid in pids:
            seen = Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
            assert [secret for secret, value in secrets.items() if value in seen] == [], name


def test_no_service_hits_the_edge_of_its_permissions(stack: Stack) -> None:
    """A request from one end to the other is refused nothing by nats-server."""
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    request = urllib.request.Request(f"{stack.url}/v1/chat/completions", body, stack.headers())
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200
    get(f"{stack.url}/metrics")
    stack.stop()
    assert "violation" not in stack.logs().lower()


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    """It names the port and the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused(Stack(tmp_path / "stack", port=port))
    assert (code, len(said.splitlines())) == (1, 1)
    assert f"Port {port} on 127.0.0.1 is in use" in said
    assert "--port" in said


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    """It names the place and the option."""
    stack = Stack(tmp_path / "stack")
    stack.folder.mkdir()
    stack.data_dir.write_text("not a folder")
    code, said = refused(stack)
    assert (code, len(said.splitlines())) == (1, 1)
    assert f"{stack.data_dir} is not a folder" in said


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """It says that the disk is full, not that a call failed."""
    stack = Stack(tmp_path / "stack")
    (stack.data_dir / "secrets").mkdir(parents=True)
    (stack.data_dir / "secrets" / "master_key.part").symlink_to("/dev/full")
    code, said = refused(stack)
    assert (code, len(said.splitlines())) == (1, 1)
    assert "is full; make room" in said


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    """It names the setting and the one that was meant."""
    code, said = refused(Stack(tmp_path / "stack", config={"server": {"prot": 4000}}))
    assert (code, len(said.splitlines())) == (1, 1)
    assert "'server.prot' is not a setting. Did you mean 'port'?" in said


def test_a_server_that_does_not_start_shows_its_last_words(tmp_path: Path) -> None:
    """nats-server's own reason is part of the sentence, and so is its log."""
    stack = Stack(tmp_path / "stack")
    (stack.data_dir / "nats").mkdir(parents=True)
    (stack.data_dir / "nats" / "jetstream").write_text("in its way")
    code, said = refused(stack)
    assert (code, len(said.splitlines())) == (1, 1)
    assert "nats-server ended with exit code 1" in said
    assert "JetStream" in said
    assert "nats-server.log" in said


def test_an_unknown_service_is_one_sentence(tmp_path: Path) -> None:
    """`--workers` names the services that there are."""
    code, said = refused(Stack(tmp_path / "stack", workers={"rooter": 2}))
    assert (code, len(said.splitlines())) == (1, 1)
    assert "there is no service 'rooter'" in said


def test_serve_says_what_it_needs() -> None:
    """A service alone, without a broker's address, ends with one sentence."""
    env: dict[str, Any] = {name: value for name, value in os.environ.items() if not name.startswith("NATS_")}
    command = [sys.executable, "-m", "tollway", "serve", "edge"]
    end = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (end.returncode, len(end.stderr.splitlines())) == (1, 1)
    assert "NATS_URL is not set" in end.stderr


def test_a_closed_terminal_is_a_clean_end(tmp_path: Path) -> None:
    """The hang-up that comes with it stops the stack; it is not taken for a wish to restart."""
    stack = Stack(tmp_path / "stack")
    stack.folder.mkdir()
    command, environment = stack.command(), stack.environment()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environment)
    said = b""
    while b"Ctrl-C stops everything." not in said:
        assert select.select([terminal], [], [], 180)[0], said.decode()
        said += os.read(terminal, 4096)
    pids = [pid for pids in json.loads((stack.data_dir / "run.json").read_text())["pids"].values() for pid in pids]
    os.close(terminal)
    ended: list[int] = []

    def has_ended() -> bool:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            ended.append(os.waitstatus_to_exitcode(status))
        return bool(gone)

    until(has_ended)
    assert ended == [0]
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
