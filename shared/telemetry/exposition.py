"""Prometheus' text format: one process's part of it, and many processes' parts as one answer."""

from collections.abc import Iterable, Iterator

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shared.schemas.control import ExposedFamily, Exposition
from shared.telemetry.metrics import Metrics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""The media type of `merge`'s answer."""


class _One(Collector):
    """A registry of one family, since prometheus-client renders registries only."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return [self._metric]


def expose(metrics: Metrics, service: str, worker: str) -> Iterator[ExposedFamily]:
    """Yield the families of a process, one at a time: whoever runs a loop can let others in between."""
    origin = {"service": service, "worker": worker}
    for metric in metrics.registry.collect():
        metric.samples = [sample._replace(labels=sample.labels | origin) for sample in metric.samples]
        if metric.samples:
            yield _rendered(metric)


def _rendered(metric: Metric) -> ExposedFamily:
    help_line, type_line, samples = generate_latest(_One(metric)).decode().split("\n", 2)
    return ExposedFamily(metric.name, f"{help_line}\n{type_line}\n", samples)


def merge(parts: Iterable[Exposition]) -> str:
    """Return one exposition: each family once, with the samples of all processes."""
    heads: dict[str, str] = {}
    samples: dict[str, list[str]] = {}
    for part in parts:
        for family in part.families:
            heads.setdefault(family.name, family.head)
            samples.setdefault(family.name, []).append(family.samples)
    return "".join(head + "".join(samples[name]) for name, head in heads.items())
