"""An address at which no connection ever comes about, for tests of connect time-outs."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

FILLERS = 4
"""Connections that fill a backlog of one; the kernel then drops further attempts without an answer."""


@contextmanager
def unreachable() -> Iterator[str]:
    """Yield a base URL on this machine whose port neither accepts nor refuses."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(FILLERS):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
