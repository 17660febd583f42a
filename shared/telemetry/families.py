"""Every metric that Tollway has: name, meaning, kind and labels.

The labels `service` and `worker` are added when a process is scraped. No label holds a value that a caller
chose: models are those of the configuration, routes those of the route table.
"""

from dataclasses import dataclass
from typing import Literal

from shared.pricing.money import NANO

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Upper bounds of the buckets of all durations: from a cached decision to a long answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric. Two families are the same only if they are the same object."""

    name: str
    """Without the suffix `_total` that the exposition gives to counters."""
    help: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...] = ()
    unit: int = 1
    """What the counted number is divided by when it is shown."""


REQUESTS = Family("tollway_requests", "HTTP requests that ended, by class of status.", "counter", ("route", "status"))
REQUEST_SECONDS = Family("tollway_request_seconds", "From arrival to the end of the answer.", "histogram", ("route",))
FIRST_TOKEN_SECONDS = Family(
    "tollway_first_token_seconds", "From arrival to the first bytes of a streamed answer.", "histogram", ("route",)
)
STAGE_SECONDS = Family("tollway_stage_seconds", "How long a stage had a request in hand.", "histogram")

ATTEMPTS = Family("tollway_attempts", "Calls to deployments, by outcome.", "counter", ("provider", "outcome"))
ATTEMPT_SECONDS = Family("tollway_attempt_seconds", "From call to end of an attempt.", "histogram", ("provider",))
RETRIES = Family("tollway_retries", "Attempts after the first one of a request.", "counter", ("provider",))
TOKENS = Family("tollway_tokens", "Tokens by their disjoint kinds.", "counter", ("model", "kind"))
COST = Family("tollway_cost_dollars", "Cost of attempts in dollars.", "counter", ("model",), unit=NANO)
UNPRICED = Family("tollway_unpriced_attempts", "Attempts whose model has no known price.", "counter", ("model",))
USAGE_UNREADABLE = Family("tollway_usage_unreadable", "Pass-through answers whose usage could not be read.", "counter")
VERDICTS = Family("tollway_guardrail_verdicts", "What guardrails decided.", "counter", ("guardrail", "verdict"))

HANDLED = Family("tollway_stage_handled", "Requests that the stage took.", "counter")
SHED = Family("tollway_shed", "Requests refused because the process was at its bound.", "counter")
EXPIRED = Family("tollway_stage_expired", "Requests dropped: past their deadline, or cancelled.", "counter")
STAGE_ERRORS = Family("tollway_stage_errors", "Requests that ended here with an error.", "counter", ("code",))
IN_HAND = Family("tollway_in_hand", "Requests in hand now.", "gauge")

LANES = Family("tollway_lanes", "Reply lanes open now, by which end of them is here.", "gauge", ("end",))
LANE_GAPS = Family("tollway_lane_gaps", "Answers ended because a frame of them was lost.", "counter")
WORKERS_LOST = Family("tollway_workers_lost", "Requests whose worker fell silent.", "counter")
BODY_BYTES_HELD = Family("tollway_body_bytes_held", "Bytes of large request bodies held by the edge now.", "gauge")
BODIES_HELD = Family("tollway_bodies_held", "Large bodies that others can fetch from here now.", "gauge")
KEYS_NOT_LOOKED_UP = Family(
    "tollway_keys_not_looked_up", "Requests refused because too many keys that do not exist were tried.", "counter"
)
CACHE_ENTRIES = Family("tollway_cache_entries", "Entries of each cache now.", "gauge", ("cache",))

EVENTS = Family("tollway_events_stored", "Completion events on disk in JetStream.", "counter")
EVENT_BATCHES = Family("tollway_event_batches", "Messages that they took.", "counter")
EVENTS_QUEUED = Family("tollway_events_queued", "Completion events waiting for the next batch.", "gauge")
EVENTS_KEPT = Family("tollway_events_kept", "Completion events stored as soon as JetStream takes them.", "gauge")
EVENTS_LOST = Family("tollway_events_lost", "Completion events given up because too many waited.", "counter")
EVENTS_STALLED = Family("tollway_events_stalled", "1 while JetStream does not acknowledge events.", "gauge")
EVENT_STREAM_FULL = Family("tollway_event_stream_full", "1 while the event stream has no room to spare.", "gauge")
EVENTS_SPOOLED = Family("tollway_event_batches_spooled", "Batches on the local disk now.", "gauge")
LEDGER_WRITTEN = Family("tollway_ledger_documents", "Ledger documents written.", "counter")
LEDGER_LAG = Family("tollway_ledger_lag_seconds", "From a request's end to its ledger document.", "histogram")
EVENTS_BEHIND = Family("tollway_events_behind", "Event messages not taken by billing yet, as last seen.", "gauge")
EVENTS_REDELIVERED = Family("tollway_events_redelivered", "Event messages that came more than once.", "counter")
DEAD_LETTERS = Family("tollway_dead_letters", "Events that no retry can write.", "counter", ("reason",))

DECLARATIONS_REFUSED = Family(
    "tollway_declarations_refused", "1 while admin goes on without what the configuration file declares.", "gauge"
)

LIMIT_DECISIONS = Family(
    "tollway_limit_decisions", "Requests that the limiter decided, by verdict.", "counter", ("verdict",)
)
LIMIT_REFUSALS = Family(
    "tollway_limit_refusals",
    "Requests that a limit refused, by kind of scope and measure.",
    "counter",
    ("scope", "measure"),
)
LIMIT_JOURNAL_SECONDS = Family("tollway_limit_journal_seconds", "Until a turn of the limiter is on disk.", "histogram")
LIMIT_ACTIVE = Family("tollway_limit_active", "1 where the active limiter is, as far as its process knows.", "gauge")
LIMIT_TAKEOVERS = Family("tollway_limit_takeovers", "Times that this process became the active limiter.", "counter")
LIMIT_SNAPSHOTS = Family("tollway_limit_snapshots", "Snapshots of the limiter's tables in the journal.", "counter")
LIMIT_STATE = Family("tollway_limit_state", "Entries of the limiter's tables now, as known here.", "gauge", ("table",))
LIMIT_READINGS = Family("tollway_limit_readings", "Budgets that are being read from the ledger now.", "gauge")
LIMIT_ASKING = Family("tollway_limit_asking", "Requests that wait for the limiter's verdict now.", "gauge")
LIMIT_UNSETTLED = Family("tollway_limit_unsettled", "Settlements and releases not confirmed by the limiter.", "gauge")
LIMIT_DROPPED = Family("tollway_limit_dropped", "Settlements and releases given up: too many waited.", "counter")
LIMIT_REPEATED = Family("tollway_limit_repeated", "Messages to the limiter that were sent again.", "counter")

SOFT_BUDGETS_REACHED = Family(
    "tollway_soft_budgets_reached", "Soft budgets that were spent, by kind of scope.", "counter", ("scope",)
)
ALERTS_WAITING = Family("tollway_alerts_waiting", "Facts to be told that wait for JetStream now.", "gauge")
ALERTS_DROPPED = Family(
    "tollway_alerts_dropped", "Facts to be told that were given up: too many, or refused.", "counter"
)

CHANGE_GAPS = Family("tollway_change_gaps", "Times that announced changes were missed.", "counter")
CHANGES_FRESH = Family("tollway_changes_fresh", "1 while this process's caches are known to be true.", "gauge")
JWT_KEY_FETCHES = Family("tollway_jwt_key_fetches", "Times that issuers' keys were fetched.", "counter", ("outcome",))
BUS_DROPPED = Family("tollway_bus_dropped", "Messages dropped at a subscription's limit.", "counter")
BUS_PENDING = Family("tollway_bus_pending_bytes", "Bytes that wait for the broker's socket.", "gauge")
WORKERS = Family("tollway_workers", "Live workers that this process hears.", "gauge", ("role",))
SCRAPE_UNANSWERED = Family("tollway_scrape_unanswered", "Live workers that did not answer the scrape.", "gauge")
LABELS_FOLDED = Family("tollway_labels_folded", "Counts put under 'other', at a family's cap of labels.", "counter")
