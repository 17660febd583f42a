"""The body of a service's process, forked from the supervisor or started by `tollway serve`."""

import os
import sys

from shared.bus.service import run_service
from shared.settings import ConfigurationError
from shared.settings.runtime import from_environment
from tollway.services import SERVICES, composition_root, waiting_room


def serve(service: str) -> int:
    """Run one service of the registry with what the environment says; return its exit code."""
    try:
        runtime = from_environment(service, os.environ)
    except ConfigurationError as error:
        print(f"{service}: {error}", file=sys.stderr)
        return 1
    return run_service(runtime, composition_root(SERVICES[service]), waiting_room(service))
