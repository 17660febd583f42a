"""What the operator asked of `tollway up`."""

from dataclasses import dataclass, field
from pathlib import Path

from tollway.services import SERVICES
from tollway.stack.errors import StackError

DEFAULT_CONFIG = Path("tollway.yaml")
DEFAULT_DATA_DIR = Path(".tollway")


@dataclass(frozen=True)
class Options:
    """The command line; None means that the configuration decides."""

    config: Path | None = None
    host: str | None = None
    port: int | None = None
    data_dir: Path = DEFAULT_DATA_DIR
    workers: dict[str, int] = field(default_factory=dict)
    verbose: bool = False


def config_path(given: Path | None) -> Path | None:
    """Return the configuration file: the one given, or `tollway.yaml` here if there is one."""
    if given is not None:
        return given.absolute()
    return DEFAULT_CONFIG.absolute() if DEFAULT_CONFIG.exists() else None


def worker_counts(given: list[str]) -> dict[str, int]:
    """Return the processes by service from `SERVICE=N` items; raise `StackError`."""
    counts: dict[str, int] = {}
    for item in given:
        service, equals, number = item.partition("=")
        if service not in SERVICES:
            raise StackError(f"--workers {item}: there is no service '{service}'; there are {', '.join(SERVICES)}.")
        if not equals or not number.isdecimal() or not 1 <= int(number) <= 64:
            raise StackError(f"--workers {item}: write it as {service}=N with N from 1 to 64.")
        counts[service] = int(number)
    return counts
