"""What `tollway up` says of the objects that the configuration file declares, and of a file that cannot be used."""

from pathlib import Path

from shared.settings import ConfigurationError
from tollway.stack.logs import last_reason

REFUSED_EVENT = "admin.declarations_refused"
"""What admin's log calls it."""


def refused(log: Path | None) -> str:
    """Return that admin goes on without the file's objects, and why; `log` is None where it goes to the terminal."""
    reason = f"see '{REFUSED_EVENT}' above" if log is None else last_reason(log, REFUSED_EVENT)
    return (
        "WARNING: nothing of what the configuration file declares (keys, teams, budgets …) was applied; what was "
        f"stored before goes on. Reason: {reason.rstrip('.')}. Correct it, then send SIGHUP or POST /config/reload."
    )


WAITING = (
    "WARNING: what the configuration file declares is not applied yet, since the database does not answer; it is tried "
    "again every second."
)


def unusable(error: ConfigurationError) -> str:
    """Return that a file is wrong, and where; said of a file that was to replace one that is in use."""
    first, *others = error.problems
    more = f" ({len(others)} more; 'tollway check' lists them)" if others else ""
    return f"Nothing was restarted or changed, since the configuration is wrong: {first.rstrip('.')}{more}."
