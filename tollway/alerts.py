"""`tollway alerts`: what the stream of alerts holds, as JSON lines, and what comes to it from then on."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from shared.bus.alerts import Alert, next_alert
from shared.bus.connection import Bus
from shared.bus.service import connect
from shared.errors import TollwayError, Unavailable
from shared.settings.runtime import from_environment
from shared.telemetry.logs import configure_logs
from tollway.stack.errors import StackError
from tollway.stack.permissions import OPERATOR

LOOK_SECONDS = 1.0
"""Between two looks for something new."""

REACH_SECONDS = 5.0


def print_alerts(data_dir: Path, *, after: int, follow: bool) -> None:
    """Print alerts beyond a number of the stream, each as a line of JSON; raise `StackError`."""
    configure_logs(OPERATOR, "", level="error")
    try:
        asyncio.run(_print(login(data_dir, os.environ), after, follow=follow))
    except TollwayError as error:
        raise StackError(error.message) from None
    except BrokenPipeError:
        # Whoever read this has read enough; the interpreter's own flush at its end must not complain, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def login(data_dir: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with how to reach NATS: as it is, or as the stack on a data folder says.

    Raises `StackError` where neither says it.
    """
    if env.get("NATS_URL"):
        return dict(env)
    try:
        run = json.loads((data_dir / "run.json").read_text())
        url, own = str(run["nats_url"]), "nats-server" in run["ports"]
        password = (data_dir / "secrets" / f"nats_{OPERATOR}").read_text().strip()
    except (OSError, ValueError, KeyError):
        raise StackError(
            f"no 'tollway up' runs on {data_dir}: start it, name its folder with --data-dir, or set NATS_URL, "
            "NATS_USER and NATS_PASSWORD."
        ) from None
    if not own:
        raise StackError("the stack here uses a nats-server of yours: set NATS_URL, NATS_USER and NATS_PASSWORD.")
    return {**env, "NATS_URL": url, "NATS_USER": OPERATOR, "NATS_PASSWORD": password}


async def _print(env: Mapping[str, str], after: int, *, follow: bool) -> None:
    bus = await connect(from_environment(OPERATOR, env), "tollway.alerts", timeout=REACH_SECONDS)
    try:
        while True:
            after = await _all(bus, after, _say, patient=follow)
            if not follow or _interrupted():
                return
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await bus.close()


async def _all(bus: Bus, after: int, say: Callable[[Alert], None], *, patient: bool) -> int:
    """Say everything that is there; return the last number. A broker that is away is an error, or waited for."""
    try:
        while (alert := await next_alert(bus, after)) is not None:
            say(alert)
            after = alert.sequence
    except Unavailable as error:
        if not patient:
            raise
        print(f"tollway: {error.message}; it is tried again.", file=sys.stderr)
    return after


def _interrupted() -> bool:
    """Tell whether somebody wants this to end: a wait that ends at that very moment swallows the interrupt."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _say(alert: Alert) -> None:
    line = {"sequence": alert.sequence, **msgspec.json.decode(alert.payload, type=dict)}
    print(msgspec.json.encode(line).decode(), flush=True)
