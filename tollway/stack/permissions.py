"""Who may say and hear what on the bus: one NATS user per service, with the subjects of its role.

The table follows the grammar of `shared.bus.subjects`. What is not listed is refused by nats-server.
"""

from dataclasses import dataclass

from shared.bus import subjects

SETUP_USER = "tollway"
"""Creates the streams, and does nothing else."""

OPERATOR = "operator"
"""Reads alerts, and does nothing else. It makes no consumer: that could have JetStream deliver to any subject."""

EVENTS, DEAD_LETTERS, LIMITS = subjects.EVENT_STREAM, subjects.DEAD_LETTER_STREAM, subjects.LIMIT_STREAM
ALERTS = subjects.ALERT_STREAM


@dataclass(frozen=True)
class Permissions:
    """The subjects of one user."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = True
    """True where it may publish to the reply subject of a message that it got."""


def _stage(service: str) -> tuple[str, ...]:
    """Return where requests are sent on to a stage: its queue group, and each worker by name."""
    return (subjects.request(service), subjects.worker_request(service, "*"))


def _lanes(reader: str) -> str:
    """Return all reply lanes that workers of a service read, their `_holds` too."""
    return f"{subjects.reader(reader, '*')}.*"


_STORES_EVENTS = (subjects.COMPLETION_FINISHED, f"$JS.API.STREAM.INFO.{EVENTS}")
_ASKS_LIMITER = (subjects.LIMIT_TURN,)
_IS_LIMITER = (
    subjects.soft_budget_reached("*"),
    subjects.LIMIT_JOURNAL,
    subjects.limit_answer("*.*"),
    f"$JS.API.STREAM.INFO.{LIMITS}",
    f"$JS.API.STREAM.MSG.GET.{LIMITS}",
    f"$JS.API.STREAM.PURGE.{LIMITS}",
    f"$JS.API.CONSUMER.CREATE.{LIMITS}.*",
    f"$JS.API.CONSUMER.DELETE.{LIMITS}.*",
    f"$JS.FC.{LIMITS}.>",
    f"$JS.API.STREAM.INFO.{EVENTS}",
    f"$JS.API.CONSUMER.INFO.{EVENTS}.{subjects.LEDGER_CONSUMER}",
)
"""Every auth worker may become the active limiter. It looks whether billing has written what the event stream holds."""

_HEARS_CHANGES = (subjects.ALL_CHANGES, subjects.CLOCK)

PUBLISHES: dict[str, tuple[str, ...]] = {
    "edge": (
        *_stage("auth"),
        subjects.CANCEL,
        subjects.worker_lane("*.*"),
        subjects.SCRAPE,
        *_STORES_EVENTS,
        *_ASKS_LIMITER,
    ),
    "auth": (
        *_stage("guardrails"),
        *_stage("router"),
        *_stage("admin"),
        *_stage("passthrough"),
        _lanes("edge"),
        subjects.body("edge", "*"),
        subjects.change("user"),
        *_ASKS_LIMITER,
        *_IS_LIMITER,
    ),
    "guardrails": (
        *_stage("router"),
        subjects.CANCEL,
        _lanes("edge"),
        subjects.worker_lane("router.*"),
        subjects.body("edge", "*"),
        *_STORES_EVENTS,
    ),
    "router": (
        _lanes("edge"),
        _lanes("guardrails"),
        subjects.body("edge", "*"),
        subjects.body("guardrails", "*"),
        *_STORES_EVENTS,
        *_ASKS_LIMITER,
    ),
    "passthrough": (
        _lanes("edge"),
        subjects.body("edge", "*"),
        *_STORES_EVENTS,
        *_ASKS_LIMITER,
    ),
    "admin": (
        _lanes("edge"),
        subjects.body("edge", "*"),
        subjects.change("*"),
        subjects.CLOCK,
    ),
    "billing": (
        subjects.DEAD_COMPLETION,
        f"$JS.API.STREAM.INFO.{EVENTS}",
        f"$JS.API.STREAM.INFO.{DEAD_LETTERS}",
        f"$JS.API.CONSUMER.INFO.{EVENTS}.*",
        f"$JS.API.CONSUMER.CREATE.{EVENTS}.>",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{EVENTS}.*",
        f"$JS.API.CONSUMER.MSG.NEXT.{EVENTS}.*",
        f"$JS.ACK.{EVENTS}.>",
        *_ASKS_LIMITER,
    ),
}
"""What each service publishes beside its heartbeat and greeting."""

SUBSCRIBES: dict[str, tuple[str, ...]] = {
    "edge": (_lanes("edge"), subjects.body("edge", "*"), subjects.limit_answer("edge.*")),
    "auth": (*_HEARS_CHANGES, subjects.LIMIT_TURN, subjects.limit_answer("auth.*")),
    "guardrails": (_lanes("guardrails"), subjects.body("guardrails", "*")),
    "router": (*_HEARS_CHANGES, subjects.limit_answer("router.*")),
    "passthrough": (subjects.limit_answer("passthrough.*"),),
    "admin": _HEARS_CHANGES,
    "billing": (subjects.limit_answer("billing.*"),),
}
"""What each service hears beside its requests, its inbox and the control plane."""


def permissions() -> dict[str, Permissions]:
    """Return the permissions of every user."""
    table = {service: _role(service) for service in PUBLISHES}
    table[SETUP_USER] = Permissions(("$JS.API.>",), (f"_INBOX.{SETUP_USER}.>",))
    table[OPERATOR] = Permissions(
        (f"$JS.API.STREAM.INFO.{ALERTS}", f"$JS.API.STREAM.MSG.GET.{ALERTS}"), (f"_INBOX.{OPERATOR}.>",), answers=False
    )
    return table


def _role(service: str) -> Permissions:
    return Permissions(
        publish=(
            subjects.beat(service, "*"),
            subjects.HELLO,
            *PUBLISHES[service],
        ),
        subscribe=(
            subjects.request(service),
            subjects.worker_request(service, "*"),
            subjects.worker_lane(f"{service}.*"),
            subjects.ALL_BEATS,
            subjects.HELLO,
            subjects.CANCEL,
            subjects.SCRAPE,
            f"_INBOX.{service}.>",
            *SUBSCRIBES[service],
        ),
    )


USERS = (SETUP_USER, *PUBLISHES, OPERATOR)
