"""Runs one service process: connect, build, announce, serve until told to stop, drain."""

import asyncio
import contextlib
import ctypes
import gc
import signal
import ssl
import sys
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog
import uvloop

from shared.bus.connection import Bus, shown
from shared.bus.worker import Worker, new_worker_id
from shared.errors import TollwayError, Unavailable
from shared.settings import Runtime
from shared.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

GC_THRESHOLD = 20_000
"""New containers between two looks for cycles; Python's default of 700 looks many times a second under load."""

_MALLOPT = {-8: 2, -1: 4 * 1024 * 1024, -3: 512 * 1024}
"""mallopt(3)'s M_ARENA_MAX, M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, the last two in bytes; libraries other than glibc
have no such function, or ignore it."""

Build = Callable[[Worker, Runtime], AbstractAsyncContextManager[None]]
"""A service's composition root: entered when the worker beats, ready once entered, drained when left."""

Waiting = Callable[[Runtime], AbstractAsyncContextManager[None]]
"""What a service does while there is no broker: entered once that takes long, left when there is one."""

SAY_SECONDS = 5.0
"""Seconds without a broker after which a service says that it waits for it, and says it again."""


def run_service(runtime: Runtime, build: Build, waiting: Waiting | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. A broker that is not there yet is waited for."""
    gc.set_threshold(GC_THRESHOLD, 10, 10)
    _give_memory_back()
    return uvloop.run(_serve(runtime, build, waiting))


def _give_memory_back() -> None:
    """Have glibc return what was freed: a heap for each thread, and thresholds that grow with use, keep it."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):
            for option, value in _MALLOPT.items():
                ctypes.CDLL(None).mallopt(option, value)


async def connect(
    runtime: Runtime,
    name: str,
    *,
    on_closed: Callable[[], None] | None = None,
    on_error: Callable[[str], None] | None = None,
    timeout: float | None = 10.0,
) -> Bus:
    """Return a connection to the broker as the runtime's user; raise `BusUnavailable` once `timeout` is over."""
    access = runtime.nats_access
    return await Bus.connect(
        runtime.nats_url,
        name=name,
        inbox=runtime.service,
        user=runtime.nats_user,
        password=runtime.nats_password,
        credentials=access.credentials,
        tls=_tls(runtime),
        on_closed=on_closed,
        on_error=on_error,
        timeout=timeout,
    )


def _tls(runtime: Runtime) -> ssl.SSLContext | None:
    """Return how to check the broker's certificate; None where neither address nor settings ask for TLS."""
    access = runtime.nats_access
    if access.ca is None and access.certificate is None and not runtime.nats_url.startswith("tls://"):
        return None
    try:
        context = ssl.create_default_context(cafile=access.ca)
        if access.certificate is not None:
            context.load_cert_chain(access.certificate, access.key)
    except OSError as error:
        raise Unavailable(f"the certificates for NATS cannot be used: {error.strerror or error}") from None
    return context


async def _reached(runtime: Runtime, name: str, stop: asyncio.Event, waiting: Waiting | None) -> Bus | None:
    """Return a connection as soon as there is a broker, or None when told to stop before."""
    reasons: deque[str] = deque(maxlen=1)
    connecting = asyncio.ensure_future(
        connect(runtime, name, on_closed=stop.set, on_error=reasons.append, timeout=None)
    )  # fmt: skip
    stopping = asyncio.ensure_future(stop.wait())
    either, waits = {connecting, stopping}, False
    async with contextlib.AsyncExitStack() as meanwhile:
        while not (await asyncio.wait(either, timeout=SAY_SECONDS, return_when=asyncio.FIRST_COMPLETED))[0]:
            reason = reasons[0] if reasons else "it does not answer"
            log.warning("service.waits_for_broker", broker=shown(runtime.nats_url), reason=reason)
            if not waits:
                waits = True
                told = f"nats-server at {shown(runtime.nats_url)} cannot be reached yet ({reason}); waiting for it"
                print(f"{runtime.service}: {told}", file=sys.stderr, flush=True)  # noqa: T201
                if waiting is not None:
                    await meanwhile.enter_async_context(waiting(runtime))
    stopping.cancel()
    if not connecting.done():
        connecting.cancel()
        return None
    return connecting.result()


async def _serve(runtime: Runtime, build: Build, waiting: Waiting | None) -> int:
    worker_id = new_worker_id()
    logging = runtime.configuration.logging
    configure_logs(runtime.service, worker_id, level=logging.level, format=logging.format)
    stop, served = asyncio.Event(), False
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        bus = await _reached(runtime, f"{runtime.service}.{worker_id}", stop, waiting)
        if bus is None:
            return 0
        worker = Worker(bus, runtime.service, worker_id)
        await worker.start()
        async with build(worker, runtime):
            await bus.barrier()
            worker.ready()
            # Whoever is stopped because this worker is ready says good-bye after everybody heard that it is.
            await bus.barrier()
            runtime.announce_ready()
            worker.on_beat.append(lambda _: runtime.announce_alive())
            log.info("service.ready")
            served = True
            await stop.wait()
            log.info("service.stopping")
            worker.stopping()
        await worker.close()
        await bus.close()
    except TollwayError as error:
        if served:
            log.error("service.broke_off", reason=error.message)
        else:
            log.error("service.cannot_start", reason=error.message)
        print(f"{runtime.service}: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    return 0
