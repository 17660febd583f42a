"""`python -m tollway.alive`: the health check of a container, quick and without a connection.

A service that is ready touches the file that `TOLLWAY_ALIVE_FILE` names with each beat of its loop, once a second.
So a process that hangs is unhealthy, and one that waits for a broker or a database is not: a restart would not
help it, and its readiness is told to the other services by its beats.
"""

import os
import sys
import time
from pathlib import Path

WITHIN = 10.0
"""Seconds since the last beat."""


def main() -> int:
    """Return 0 for a live service; say what is wrong and return 1 for any other."""
    name = os.environ.get("TOLLWAY_ALIVE_FILE")
    if not name:
        print("TOLLWAY_ALIVE_FILE is not set.", file=sys.stderr)
        return 1
    try:
        silent = time.time() - Path(name).stat().st_mtime
    except OSError:
        print("The service has not been ready yet.", file=sys.stderr)
        return 1
    if silent > WITHIN:
        print(f"The service has been silent for {silent:.0f} s.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
