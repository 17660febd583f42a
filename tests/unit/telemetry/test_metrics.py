"""Counting, and Prometheus' text format of what was counted."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from shared.pricing.usage import Usage
from shared.schemas.control import Exposition
from shared.telemetry import families
from shared.telemetry.cells import MOST_LABELS, Counts, Distribution
from shared.telemetry.exposition import expose, merge
from shared.telemetry.families import SECONDS, Family
from shared.telemetry.metrics import Metrics

BROKER_LIMIT = 1024 * 1024


def exposition(metrics: Metrics, worker: str = "w1") -> Exposition:
    """Return what a worker of the router would reply to a scrape."""
    return Exposition("router", worker, list(expose(metrics, "router", worker)))


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Parse an exposition with prometheus-client's own parser."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(name: str, worker: str = "w1", **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return the key of a sample in `values`."""
    return name, frozenset((labels | {"service": "router", "worker": worker}).items())


def test_what_is_counted_appears_under_its_labels() -> None:
    """Requests, tokens and cost come out as counted, cost in dollars."""
    metrics = Metrics()
    metrics.request_ended("chat_completions", 200, 0.02)
    metrics.request_ended("chat_completions", 204, 0.02)
    metrics.used("demo", Usage(input=10, reasoning=3))
    metrics.charged("demo", 1_500_000_000)
    seen = values(merge([exposition(metrics)]))
    assert seen[of("tollway_requests_total", route="chat_completions", status="2xx")] == 2
    assert seen[of("tollway_tokens_total", model="demo", kind="input")] == 10
    assert seen[of("tollway_tokens_total", model="demo", kind="reasoning")] == 3
    assert seen[of("tollway_cost_dollars_total", model="demo")] == 1.5


def test_what_objects_count_is_read_at_the_scrape() -> None:
    """A watched number is never counted twice: the scrape shows what it is then, added up over its watchers."""
    metrics, size = Metrics(), [1, 2]
    metrics.watch_cache("keys", lambda: size[0])
    metrics.watch_cache("keys", lambda: size[1])
    size[0] = 40
    assert values(merge([exposition(metrics)]))[of("tollway_cache_entries", cache="keys")] == 42


def test_many_processes_make_one_valid_exposition() -> None:
    """Each family has one HELP and one TYPE line, whoever reports it, and every sample names its worker."""
    first, second = Metrics(), Metrics()
    first.retried("demo")
    second.retried("demo")
    second.dead_letter("refused")
    text = merge([exposition(first, "w1"), exposition(second, "w2")])
    heads = [line.split(" ", 3)[1:3] for line in text.splitlines() if line.startswith("#")]
    assert len(heads) == len({tuple(head) for head in heads})
    seen = values(text)
    assert seen[of("tollway_retries_total", "w1", provider="demo")] == 1
    assert seen[of("tollway_retries_total", "w2", provider="demo")] == 1
    assert seen[of("tollway_dead_letters_total", "w2", reason="refused")] == 1


def test_labels_are_bounded() -> None:
    """Past its cap a family counts under `other`, and says so; nothing is lost from the sum."""
    counts = Counts(1)
    for number in range(MOST_LABELS * 3):
        counts.add((f"m{number}",))
    assert len(dict(counts)) == MOST_LABELS + 1
    assert sum(dict(counts).values()) == MOST_LABELS * 3
    assert counts.folded == MOST_LABELS * 2


def test_the_fullest_answer_fits_a_message() -> None:
    """With every family at its cap and long label values, a reply stays within the broker's limit."""
    metrics = Metrics()
    for number in range(MOST_LABELS):
        name = f"{number:040}"
        metrics.request_ended(name, 200, 0.1)
        metrics.first_token(name, 0.1)
        metrics.attempt_ended(name, "success", 0.1)
        metrics.charged(name, 1, unpriced=True)
        metrics.used(name, Usage(input=1, output=1))
        metrics.verdict(name, "passed")
    assert len(msgspec.json.encode(exposition(metrics))) < BROKER_LIMIT


@given(st.lists(st.floats(0, 1000)))
def test_buckets_count_every_value_once_and_cumulatively(durations: list[float]) -> None:
    """Each bucket holds the values up to its bound, the bound included; the last one holds all."""
    distribution = Distribution(SECONDS)
    for value in durations:
        distribution.observe(value)
    expected = [float(sum(value <= bound for value in durations)) for bound in (*SECONDS, float("inf"))]
    assert [count for _, count in distribution.cumulative()] == expected


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_label_value_survives_the_format(label: str, other: str) -> None:
    """Quotes, backslashes and newlines in a label value come back as they were."""
    family = Family("tollway_probe", "A probe.", "gauge", ("text",))
    metrics = Metrics()
    metrics.watch(family, lambda: 1, label)
    metrics.watch(family, lambda: 1, other)
    seen = {dict(labels)["text"] for name, labels in values(merge([exposition(metrics)])) if name == "tollway_probe"}
    assert seen == {label, other}


def test_families_are_named_once_and_by_the_convention() -> None:
    """Names are unique, start with `tollway_`, and no family uses the labels that a scrape adds."""
    every = [family for family in vars(families).values() if isinstance(family, Family)]
    assert len({family.name for family in every}) == len(every)
    assert all(family.name.startswith("tollway_") and not family.name.endswith("_total") for family in every)
    assert not any({"service", "worker", "le"} & set(family.labels) for family in every)
