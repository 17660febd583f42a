"""What a process counts. One `Metrics` per process, made with its worker; nothing is made at import."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from shared.pricing.usage import Usage
from shared.telemetry import families
from shared.telemetry.cells import Counts, Distributions, Labels
from shared.telemetry.families import SECONDS, Family

TOKEN_KINDS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "output",
    "reasoning",
    "output_audio",
    "output_image",
)
"""The parts of a usage that are tokens."""


class Metrics:
    """Counts what has no other place, and reads at a scrape what others count anyway.

    The methods are for the hot path: each takes well under a microsecond.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._counts: dict[Family, Counts] = {}
        self._distributions: dict[Family, Distributions] = {}
        self._watched: dict[Family, list[tuple[Labels, Callable[[], float]]]] = defaultdict(list)
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def watch(self, family: Family, read: Callable[[], float], *labels: str) -> None:
        """Call `read` at each scrape; what is watched under the same labels is added up."""
        self._watched[family].append((labels, read))

    def watch_cache(self, name: str, size: Callable[[], int]) -> None:
        """Show the number of entries of a cache."""
        self.watch(families.CACHE_ENTRIES, size, name)

    def request_ended(self, route: str, status: int, seconds: float) -> None:
        """Count an HTTP request; `route` is a name of the route table."""
        self._add(families.REQUESTS, (route, f"{status // 100}xx"))
        self._observe(families.REQUEST_SECONDS, (route,), seconds)

    def first_token(self, route: str, seconds: float) -> None:
        """Note when the first bytes of a streamed answer went to the client."""
        self._observe(families.FIRST_TOKEN_SECONDS, (route,), seconds)

    def shed(self) -> None:
        """Count a request that was refused because this process is at its bound."""
        self._add(families.SHED, ())

    def stage_seconds(self, seconds: float) -> None:
        """Note how long a request was in a stage's hands."""
        self._observe(families.STAGE_SECONDS, (), seconds)

    def stage_failed(self, code: str) -> None:
        """Count a request that ended in this stage with an error; `code` is an error class's own."""
        self._add(families.STAGE_ERRORS, (code,))

    def attempt_ended(self, provider: str, outcome: str, seconds: float) -> None:
        """Count a call to a deployment."""
        self._add(families.ATTEMPTS, (provider, outcome))
        self._observe(families.ATTEMPT_SECONDS, (provider,), seconds)

    def retried(self, provider: str) -> None:
        """Count an attempt after the first one of a request."""
        self._add(families.RETRIES, (provider,))

    def used(self, model: str, usage: Usage) -> None:
        """Count tokens; `model` is a configured model group, never just what a caller asked for."""
        for kind in TOKEN_KINDS:
            if tokens := getattr(usage, kind):
                self._add(families.TOKENS, (model, kind), tokens)

    def charged(self, model: str, nano: int, *, unpriced: bool = False) -> None:
        """Count a cost in nano-dollars."""
        self._add(families.COST, (model,), nano)
        if unpriced:
            self._add(families.UNPRICED, (model,))

    def verdict(self, guardrail: str, verdict: str) -> None:
        """Count a guardrail's decision."""
        self._add(families.VERDICTS, (guardrail, verdict))

    def limit_decided(self, verdict: str) -> None:
        """Count a request that the limiter decided: `admitted` or `refused`, `full` or `failed` where it could not."""
        self._add(families.LIMIT_DECISIONS, (verdict,))

    def limit_refused(self, scope: str, measure: str) -> None:
        """Count a refusal by what stood in the way."""
        self._add(families.LIMIT_REFUSALS, (scope, measure))

    def soft_budget_reached(self, scope: str) -> None:
        """Count a soft budget that was spent and told of, by kind of scope."""
        self._add(families.SOFT_BUDGETS_REACHED, (scope,))

    def limit_journaled(self, seconds: float) -> None:
        """Note how long a turn of the limiter took to be on disk."""
        self._observe(families.LIMIT_JOURNAL_SECONDS, (), seconds)

    def ledger_written(self, documents: int) -> None:
        """Count new ledger documents."""
        self._add(families.LEDGER_WRITTEN, (), documents)

    def ledger_lag(self, seconds: float) -> None:
        """Note how long after its request's end a ledger document was written."""
        self._observe(families.LEDGER_LAG, (), seconds)

    def dead_letter(self, reason: str) -> None:
        """Count an event that no retry can write; `reason` is one of a fixed set."""
        self._add(families.DEAD_LETTERS, (reason,))

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to show; prometheus-client calls this at a scrape."""
        folded = sum(counts.folded for counts in self._counts.values())
        folded += sum(distributions.folded for distributions in self._distributions.values())
        yield _plain(families.LABELS_FOLDED, [((), folded)])
        for family, distributions in self._distributions.items():
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            for labels, distribution in distributions:
                histogram.add_metric(labels, distribution.cumulative(), distribution.sum)
            yield histogram
        for family in {**self._counts, **self._watched}:
            yield _plain(family, self._values(family))

    def _values(self, family: Family) -> Iterable[tuple[Labels, float]]:
        totals: dict[Labels, float] = dict(self._counts.get(family, ()))
        for labels, read in self._watched.get(family, ()):
            totals[labels] = totals.get(labels, 0) + read()
        return totals.items()

    def _add(self, family: Family, labels: Labels, amount: int = 1) -> None:
        counts = self._counts.get(family)
        if counts is None:
            counts = self._counts[family] = Counts(len(family.labels))
        counts.add(labels, amount)

    def _observe(self, family: Family, labels: Labels, value: float) -> None:
        distributions = self._distributions.get(family)
        if distributions is None:
            distributions = self._distributions[family] = Distributions(len(family.labels), SECONDS)
        distributions.observe(labels, value)


def _plain(family: Family, values: Iterable[tuple[Labels, float]]) -> Metric:
    metric: CounterMetricFamily | GaugeMetricFamily
    if family.kind == "counter":
        metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    else:
        metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values:
        metric.add_metric(labels, value / family.unit)
    return metric
