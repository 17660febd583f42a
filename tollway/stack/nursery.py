"""Imports everything once, so that a forked service starts in milliseconds and shares the memory of its modules.

docs/adr/0006-nursery.md has the figures. Only Linux: elsewhere system libraries may not survive a fork, and each
service is a Python process of its own making.
"""

import gc
import sys

from shared.pricing.warm import warm
from tollway.services import SERVICES, composition_root
from tollway.stack.errors import StackError
from tollway.stack.process import Body, execute

FORKS = sys.platform == "linux"


def preload() -> None:
    """Import every service, and keep the collector from touching (and so copying) what is shared by then."""
    if not FORKS:
        return
    from tollway.stack import prepare, service  # noqa: F401 - imported for the children

    for name, path in SERVICES.items():
        try:
            composition_root(path)
        except ImportError as error:
            raise StackError(f"The service '{name}' cannot be loaded: {error}; install Tollway anew.") from error
    warm()
    gc.collect()
    gc.freeze()


def service_body(service: str) -> Body:
    """Return what a service's process does."""
    if not FORKS:
        return execute([sys.executable, "-m", "tollway", "serve", service])

    def body() -> int:
        from tollway.stack.service import serve

        return serve(service)

    return body
