"""One helper process, and this process' end of the connection to it."""

import contextlib
import ctypes
import multiprocessing
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from shared.offload.carrying import receive, send

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the kernel sends to this process when its parent dies, or the thread that started it."""


class HelperLost(Exception):
    """The helper process is gone."""


class Helper:
    """Runs one function after the other in a process of its own; for one thread, which is the one that made it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        try:
            self._process.start()
        finally:
            # With this end open here, too, nobody would notice that the process died.
            theirs.close()

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns, or raise what it raises; raises `HelperLost` when the process died."""
        try:
            send(self._connection, (function, args, kwargs))
            returned, value = receive(self._connection)
        except (EOFError, OSError) as error:
            self.end()
            raise HelperLost from error
        if not returned:
            raise value
        return value

    def end(self) -> None:
        """End the process; from any thread."""
        self._process.kill()


def _serve(connection: "Connection[Any, Any]") -> None:
    _die_with_parent()
    with contextlib.suppress(EOFError, OSError):
        while True:
            _answer(connection)


def _answer(connection: "Connection[Any, Any]") -> None:
    try:
        function, args, kwargs = receive(connection)
        answer = True, function(*args, **kwargs)
    except (EOFError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it raises belongs to whoever asked
        answer = False, error
    try:
        send(connection, answer)
    except (EOFError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a result that cannot be pickled must not end the process
        send(connection, (False, RuntimeError(f"what it answered cannot be sent: {error}")))


def _die_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
