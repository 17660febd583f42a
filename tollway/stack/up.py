"""`tollway up`: everything on this machine, from nothing to the first answer and back."""

import contextlib
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.settings import Configuration, ConfigurationError, load
from shared.settings.server import ServerSettings
from tollway.services import SERVICES
from tollway.stack.advice import unserved
from tollway.stack.announce import Terminal
from tollway.stack.declared import WAITING, refused, unusable
from tollway.stack.environment import Surroundings, nats_login, plain, service_environment
from tollway.stack.errors import StackError
from tollway.stack.folder import DataFolder
from tollway.stack.logs import last_words
from tollway.stack.nats_config import nats_config
from tollway.stack.nursery import preload, service_body
from tollway.stack.options import Options, config_path
from tollway.stack.permissions import SETUP_USER
from tollway.stack.process import Body, execute
from tollway.stack.read_ahead import ReadAhead
from tollway.stack.secrets import Secrets, keep_secrets
from tollway.stack.servers import (
    accepts,
    find_program,
    free_port,
    listen,
    nats_command,
    store_command,
    store_environment,
)
from tollway.stack.supervisor import Interrupted, Program, StartFailed, Supervisor

START_SECONDS = 60.0
"""A stack that cannot answer by then is given up, once its servers answer."""

SERVERS_START_SECONDS = 900.0
"""Servers may take so long: the embedded store looks at every document's id first, ten seconds or so for a million."""

SILENT_SECONDS = 5.0
"""After so many it is said what is waited for."""

SERVER_NAMES = ("nats-server", "store")
STAGES = ("auth", "guardrails", "router", "passthrough", "admin")
STAGE_SECONDS, SERVER_SECONDS = 15.0, 10.0
"""How long stages (which have nothing in hand by then) and servers may take to end."""

READINESS_BYTES = 64 * 1024

DECLARED_SECONDS, DECLARED_POLL = 10.0, 0.05
"""How long admin is given to say what became of the objects that the file declares, and how often it is asked."""

_POLL = 0.01
_AHEAD = 0.05
"""Seconds for which files are read ahead between two looks at the servers."""


def up(options: Options, env: Mapping[str, str], terminal: Terminal) -> None:
    """Run the stack until it is interrupted; raise `StackError` or `ConfigurationError` when it cannot run."""
    path = config_path(options.config)
    configuration = load(path, env)
    folder = DataFolder(options.data_dir)
    folder.hold()
    try:
        secrets = keep_secrets(folder, env)
        server = configuration.server
        host, port = options.host or server.host, server.port if options.port is None else options.port
        with contextlib.closing(listen(host, port)) as listener:
            Stack(options, path, configuration, folder, secrets, listener, env, terminal).run()
    finally:
        folder.release()


class Stack:
    """One run of the whole."""

    def __init__(
        self,
        options: Options,
        config: Path | None,
        configuration: Configuration,
        folder: DataFolder,
        secrets: Secrets,
        listener: socket.socket,
        env: Mapping[str, str],
        terminal: Terminal,
    ) -> None:
        self._options = options
        self._settings: ServerSettings = configuration.server
        self._folder = folder
        self._secrets = secrets
        self._listener = listener
        self._env = env
        self._terminal = terminal
        self._supervisor = Supervisor(terminal.warn, verbose=options.verbose)
        self._began = time.monotonic()
        self._advice = unserved(configuration, env)
        self._on_terminal = sys.stdout.isatty()
        self._ready = False
        self._refusals: list[str] = []
        """Why a restart was not even begun; `tollway rotate-secrets`, which asks for one, wants to know."""
        self._waited = 0.0
        """Seconds that the servers took."""
        self._ports: dict[str, int] = {"edge": listener.getsockname()[1]}
        for name, given in (("nats-server", env.get("NATS_URL")), ("store", env.get("MONGODB_URL"))):
            if not given:
                self._ports[name] = free_port()
        if configuration.demo:
            self._ports["demo-provider"] = free_port()
        self.around = Surroundings(
            nats_url=env.get("NATS_URL") or f"nats://127.0.0.1:{self._ports['nats-server']}",
            mongodb_url=env.get("MONGODB_URL") or f"mongodb://127.0.0.1:{self._ports['store']}",
            data_dir=folder.path,
            config=config,
            demo_url=f"http://127.0.0.1:{self._ports['demo-provider']}" if configuration.demo else None,
            listen_fd=listener.fileno(),
            own_nats=not env.get("NATS_URL"),
        )
        self.url = _url(listener)

    def run(self) -> None:
        """Start everything, say so, keep it running, stop it."""
        self._supervisor.changed = self._write_run
        with self._supervisor.signals():
            try:
                self._start()
                self._keep()
            except Interrupted:
                self._terminal.say("Stopping: requests in flight may end first. Ctrl-C again stops at once.")
                self._stop()
            except StartFailed as failed:
                raise StackError(self._why(failed)) from None
            finally:
                self._supervisor.kill(list(self._supervisor.workers))

    def _start(self) -> None:
        self._start_servers()
        preload()  # while the servers start, on another core
        self._start_demo()
        self._wait_for_servers()
        self._supervisor.run(self._program("setup", _prepare, self._login(SETUP_USER)), START_SECONDS)
        for service in SERVICES:
            program = self._service(service)
            for index in range(self._options.workers.get(service, 1)):
                self._supervisor.start(program, index)
        self._wait("these are not ready: {}", self._unready)
        self._wait("the gateway says: {}", self._missing)
        self._terminal.welcome(
            url=self.url,
            master_key=self._secrets.master_key,
            demo=self.around.demo_url is not None,
            logs="" if self._options.verbose else str(self._folder.logs),
            seconds=time.monotonic() - self._began,
        )
        self._tell_declarations()
        for line in self._advice:
            self._terminal.warn(line)
        self._ready = True
        self._write_run()

    def _start_servers(self) -> None:
        for name, body in self._server_bodies():
            env = plain(self._env)
            told = store_environment(env) if name == "store" else env
            self._supervisor.start(self._program(name, body, told, announces=False))

    def _start_demo(self) -> None:
        if (port := self._ports.get("demo-provider")) is not None:
            body = _demo(port, self._secrets.demo_key)
            self._supervisor.start(self._program("demo-provider", body, plain(self._env), announces=False))

    def _server_bodies(self) -> list[tuple[str, Body]]:
        bodies: list[tuple[str, Body]] = []
        if (port := self._ports.get("nats-server")) is not None:
            binary = find_program("nats-server", "NATS_URL")
            config = self._folder.nats / "nats.conf"
            text = nats_config(port=port, store=self._folder.nats, passwords=self._secrets.nats_passwords)
            with self._folder.writing():
                self._folder.write(config, text.encode())
            bodies.append(("nats-server", execute(nats_command(binary, config))))
        if (port := self._ports.get("store")) is not None:
            binary = find_program("secantusd-py", "MONGODB_URL")
            bodies.append(("store", execute(store_command(binary, self._folder.store, port))))
        return bodies

    def _wait_for_servers(self) -> None:
        waiting = {worker.name: self._ports[worker.name] for worker in self._supervisor.workers}
        ahead = ReadAhead(self._folder.store)

        def silent() -> list[str]:
            if "store" in waiting:
                ahead.some(_AHEAD)
            for name in [name for name, port in waiting.items() if accepts(port)]:
                del waiting[name]
            return list(waiting)

        if not self._supervisor.wait(lambda: not silent(), SILENT_SECONDS, poll=_POLL):
            self._terminal.say(f"Waiting for {', '.join(waiting)}; a store with millions of documents takes a while.")
        self._wait("these do not answer: {}", silent, SERVERS_START_SECONDS)
        self._waited = time.monotonic() - self._began
        for worker in self._supervisor.workers:
            worker.must_start = False

    def _wait(self, what: str, missing: Any, seconds: float = START_SECONDS) -> None:
        limit = seconds + self._waited
        left = limit - (time.monotonic() - self._began)
        if not self._supervisor.wait(lambda: not missing(), left, poll=_POLL):
            reason = what.format(", ".join(missing()))
            raise StackError(f"Tollway did not start within {limit:.0f} s: {reason}. See {self._folder.logs}.")

    def _unready(self) -> list[str]:
        return [worker.name for worker in self._supervisor.workers if worker.program.announces and not worker.ready]

    def _missing(self) -> list[str]:
        status, said = self._readiness()
        return [] if status == http.HTTPStatus.OK else [said]

    def _readiness(self) -> tuple[int, str]:
        """Return the status and the body of what the gateway says of itself, 0 and why not where it says nothing."""
        host, port = self._listener.getsockname()[:2]
        connection = http.client.HTTPConnection(_reachable(host), port, timeout=1)
        try:
            connection.request("GET", "/health/readiness")
            response = connection.getresponse()
            return response.status, response.read(READINESS_BYTES).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def _declarations(self) -> str:
        try:
            return str(json.loads(self._readiness()[1])["declarations"])
        except (ValueError, KeyError, TypeError):
            return "unknown"

    def _tell_declarations(self) -> None:
        """Say aloud what the file declares and admin did not take; the stack serves on."""
        self._supervisor.wait(
            lambda: self._declarations() in ("applied", "refused"), DECLARED_SECONDS, poll=DECLARED_POLL
        )
        state = self._declarations()
        if state == "refused":
            self._terminal.warn(refused(None if self._options.verbose else self._folder.logs / "admin.log"))
        elif state == "waiting":
            self._terminal.warn(WAITING)

    def _keep(self) -> None:
        supervisor = self._supervisor
        while True:
            supervisor.wait(lambda: supervisor.restart_asked, None)
            supervisor.restart_asked = False
            if self._on_terminal and not sys.stdout.isatty():
                raise Interrupted  # the terminal was closed, which also comes as SIGHUP
            self._restart()

    def _restart(self) -> None:
        """Replace every worker of every service, one after the other; successors get the secrets as they are now.

        A file that is wrong stops that before it begins.
        """
        try:
            configuration = self._reread()
        except ConfigurationError as error:
            self._refusals.append(unusable(error))
            self._write_run()
            self._terminal.warn(self._refusals[-1])
            return
        limit = self._settings.drain_seconds + STAGE_SECONDS
        try:
            self._secrets = keep_secrets(self._folder, self._env)
        except StackError as error:
            self._terminal.warn(f"The secrets stay as they were: {error}")
        left = []
        for worker in [worker for worker in self._supervisor.workers if worker.program.name in SERVICES]:
            worker.program = self._service(worker.program.name)
            if not self._supervisor.replace(worker, ready_within=START_SECONDS, stop_within=limit):
                words = last_words(worker.program.log)
                self._terminal.warn(f"{worker.name} was not restarted: its successor did not start ({words}).")
                left.append(worker.name)
        if left:
            self._terminal.warn(f"These go on as they were: {', '.join(left)}. All others were restarted.")
        else:
            self._terminal.say("All services were restarted.")
        self._settings = configuration.server
        self._tell_declarations()

    def _reread(self) -> Configuration:
        """Return what the file says now; one that came since the start is taken up. Raises `ConfigurationError`."""
        path = self.around.config or config_path(self._options.config)
        configuration = load(path, self._env)
        if path != self.around.config:
            self.around = replace(self.around, config=path)
            self._terminal.say(f"{path} is new and taken up, but for host, port and demo: they need a new start.")
        return configuration

    def _stop(self) -> None:
        drain = self._settings.drain_seconds
        try:
            self._stop_some(("edge",), drain + STAGE_SECONDS)
            self._stop_some(STAGES, STAGE_SECONDS)
            self._stop_some(("billing",), STAGE_SECONDS)
            self._stop_some((*SERVER_NAMES, "demo-provider", "setup"), SERVER_SECONDS, self._nudge_store)
        except Interrupted:
            self._terminal.say("Stopping at once.")
        else:
            self._terminal.say("Stopped.")

    def _stop_some(self, names: tuple[str, ...], limit: float, nudge: Callable[[], object] = lambda: None) -> None:
        workers = [worker for worker in self._supervisor.workers if worker.program.name in names]
        if not self._supervisor.stop(workers, limit, interrupts=1, nudge=nudge):
            self._terminal.warn(f"Not all of {', '.join(names)} ended within {limit:g} s; they were killed.")

    def _nudge_store(self) -> None:
        """Connect to the store: while it stops it waits up to 2 s for one more connection, or for none."""
        if (port := self._ports.get("store")) is not None:
            accepts(port)

    def _service(self, service: str) -> Program:
        env = service_environment(service, self.around, self._secrets, self._env)
        keep = (self._listener.fileno(),) if service == "edge" else ()
        return self._program(service, service_body(service), env, keep=keep)

    def _login(self, user: str) -> dict[str, str]:
        told = plain(self._env) | nats_login(user, self.around, self._secrets, self._env)
        return told | {"MONGODB_URL": self.around.mongodb_url} | self._config()

    def _config(self) -> dict[str, str]:
        return {} if self.around.config is None else {"TOLLWAY_CONFIG": str(self.around.config)}

    def _program(
        self, name: str, body: Body, env: Mapping[str, str], *, announces: bool = True, keep: tuple[int, ...] = ()
    ) -> Program:
        return Program(name, body, env, self._folder.logs / f"{name}.log", announces=announces, keep=keep)

    def _why(self, failed: StartFailed) -> str:
        log = failed.worker.program.log
        if self._options.verbose:
            return f"{failed.worker.name} {failed.status}; what it said is above."
        words = last_words(log).rstrip(".")
        return f"{failed.worker.name} {failed.status}{f': {words}' if words else ''}. Its log is {log}."

    def _write_run(self) -> None:
        pids: dict[str, list[int]] = {}
        for worker in self._supervisor.workers:
            if worker.pid:
                pids.setdefault(worker.program.name, []).append(worker.pid)
        facts = {
            "pid": os.getpid(),
            "ready": self._ready,
            "refusals": len(self._refusals),
            "refusal": self._refusals[-1] if self._refusals else "",
            "url": self.url,
            "nats_url": self.around.nats_url,
            "mongodb_url": self.around.mongodb_url if "store" in self._ports else "",
            "demo_url": self.around.demo_url or "",
            "ports": self._ports,
            "pids": pids,
        }
        with contextlib.suppress(StackError):
            self._folder.write_run(facts)


def _prepare() -> int:
    from tollway.stack.prepare import prepare

    return prepare()


def _demo(port: int, key: str) -> Body:
    def body() -> int:
        from tollway.demo_provider import run

        run("127.0.0.1", port, key)
        return 0

    return body


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = _reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
