"""The grammar of subjects.

::

    tollway.req.<service>                      requests for a stage, one queue group per service
    tollway.worker.<service>.<worker>.req      the same, for one worker by name
    tollway.worker.<service>.<worker>.lane     credit and beats from lane readers to that worker
    tollway.<service>.<worker>.<lane>          reply lanes that <worker> reads (edge, relays)
    tollway.<service>.<worker>._holds          beats from workers to that reader
    tollway.<service>.<worker>._frames         frames of several of those lanes in one message
    tollway.<service>.<worker>._may            may this request still be sent to a provider? (request and reply)
    tollway.body.<service>.<worker>            pieces of large bodies, on request
    tollway.ctl.beat.<service>.<worker>        a worker is alive
    tollway.ctl.hello                          a new worker asks everybody to beat now
    tollway.ctl.cancel                         clients went away
    tollway.ctl.change.<kind>                  an object changed
    tollway.ctl.clock                          the number of the last change
    tollway.ctl.scrape                         whoever hears this replies with its metrics
    tollway.evt.completion.finished            completion events (JetStream)
    tollway.evt.soft_budget.reached.<id>       a soft budget is spent (JetStream, each id once)
    tollway.limits.turn                        questions for the limiter, whoever is the active one
    tollway.limits.answer.<service>.<worker>   its answers to that process
    tollway.limits.journal                     what it decided, before it answers (JetStream)
    tollway.dlq.completion                     events that could not be written by any retry (JetStream)

Tokens are lower-case; ids are letters, digits, `-` and `_` only.
"""

HOLDS = "_holds"
FRAMES = "_frames"
MAY_SEND = "_may"
HELLO = "tollway.ctl.hello"
CANCEL = "tollway.ctl.cancel"
CLOCK = "tollway.ctl.clock"
SCRAPE = "tollway.ctl.scrape"
ALL_BEATS = "tollway.ctl.beat.*.*"
ALL_CHANGES = "tollway.ctl.change.*"
COMPLETION_FINISHED = "tollway.evt.completion.finished"
DEAD_COMPLETION = "tollway.dlq.completion"
EVENT_STREAM = "TOLLWAY_EVENTS"
LEDGER_CONSUMER = "billing"
"""The durable consumer that all billing workers share."""
DEAD_LETTER_STREAM = "TOLLWAY_DLQ"
ALERT_STREAM = "TOLLWAY_ALERTS"
LIMIT_TURN = "tollway.limits.turn"
LIMIT_JOURNAL = "tollway.limits.journal"
LIMIT_STREAM = "TOLLWAY_LIMITS"


def request(service: str) -> str:
    """Return the queue group's subject of a stage."""
    return f"tollway.req.{service}"


def worker_request(service: str, worker: str) -> str:
    """Return the subject on which one worker takes requests by name."""
    return f"tollway.worker.{service}.{worker}.req"


def worker_lane(address: str) -> str:
    """Return where grants for a worker go; `address` is `service.worker`."""
    return f"tollway.worker.{address}.lane"


def reader(service: str, worker: str) -> str:
    """Return the prefix of the lanes that a worker reads."""
    return f"tollway.{service}.{worker}"


def body(service: str, worker: str) -> str:
    """Return where pieces of the bodies that a worker holds can be asked for."""
    return f"tollway.body.{service}.{worker}"


def beat(service: str, worker: str) -> str:
    """Return the subject of a worker's heartbeat."""
    return f"tollway.ctl.beat.{service}.{worker}"


def limit_answer(address: str) -> str:
    """Return where the limiter answers a process; `address` is `service.worker`."""
    return f"tollway.limits.answer.{address}"


def soft_budget_reached(id: str) -> str:
    """Return the subject of the one event which says that a soft budget is spent."""
    return f"tollway.evt.soft_budget.reached.{id}"


def change(kind: str) -> str:
    """Return the subject on which changes to objects of a kind are announced."""
    return f"tollway.ctl.change.{kind}"
