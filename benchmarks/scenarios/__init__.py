"""What is measured, by name, in the order in which it is run."""

from collections.abc import Awaitable, Callable

from benchmarks.bench import Bench
from benchmarks.findings import Finding
from benchmarks.scenarios import latency, limits, request, start, streams, sustained

Scenario = Callable[[Bench], Awaitable[Finding]]

SCENARIOS: dict[str, Scenario] = {
    "start": start.run,
    "request": request.run,
    "latency": latency.run,
    "limits": limits.run,
    "streams": streams.run,
    "sustained": sustained.run,
}
