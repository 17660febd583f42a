"""Imports everything once, so that a forked service starts in milliseconds and shares the memory of its modules.

docs/adr/0006-nursery.md has the figures.
"""

import gc

from tollway.services import SERVICES, composition_root
from tollway.stack import service
from tollway.stack.errors import StackError

__all__ = ["preload", "service"]


def preload() -> None:
    """Import every service, and keep the collector from touching (and so copying) what is shared by then."""
    for name, path in SERVICES.items():
        try:
            composition_root(path)
        except ImportError as error:
            raise StackError(f"The service '{name}' cannot be loaded: {error}; install Tollway anew.") from error
    gc.collect()
    gc.freeze()
