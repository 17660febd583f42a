"""The AsyncAPI document of all three planes: which subjects there are, who sends on them and who listens.

The event plane's consumer is FastStream's, which describes it too (`docs/schemas/asyncapi-billing.json`); this
document has its messages beside the others, so that the whole bus is on one page.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from services.auth.limiter import entries
from shared.bus import subjects
from shared.openapi import VERSION
from shared.schemas import context, control, events, frames, limits

ASYNCAPI = "3.0.0"

EVERY = ("edge", "auth", "guardrails", "router", "billing", "admin", "passthrough")
STAGES = ("auth", "guardrails", "router", "admin", "passthrough")
ANSWERING = ("auth", "guardrails", "router", "admin", "passthrough")


@dataclass(frozen=True, slots=True)
class Channel:
    """One family of subjects."""

    name: str
    address: str
    head: type[msgspec.Struct] | None
    """The message, or the line of JSON before its bytes; None for an empty message."""
    summary: str
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    bytes_follow: bool = False
    queue: bool = False


CHANNELS: tuple[Channel, ...] = (
    Channel(
        "requests", subjects.request("{service}"), context.RequestContext,
        "Requests for a stage, to one worker of its queue group. The client's body follows the line as it came.",
        ("edge", "auth", "guardrails"), STAGES, bytes_follow=True, queue=True,
    ),
    Channel(
        "requestsByName", subjects.worker_request("{service}", "{worker}"), context.RequestContext,
        "The same for one worker by name: a repeat, or a request while the queue group holds a silent worker.",
        ("edge", "auth", "guardrails"), STAGES, bytes_follow=True,
    ),
    Channel(
        "lanes", f"{subjects.reader('{service}', '{worker}')}.{{lane}}", frames.FrameHeader,
        "A reply lane: numbered frames of one answer. Bytes of the answer follow the line.",
        ANSWERING, ("edge", "guardrails"), bytes_follow=True,
    ),
    Channel(
        "frames", f"{subjects.reader('{service}', '{worker}')}.{subjects.FRAMES}", frames.Bundle,
        "Frames of several of a reader's lanes in one message, from a busy process. Their bytes follow the line.",
        ANSWERING, ("edge", "guardrails"), bytes_follow=True,
    ),
    Channel(
        "holds", f"{subjects.reader('{service}', '{worker}')}.{subjects.HOLDS}", frames.Holds,
        "A worker's beat to a lane reader: what it has in hand, and what it is about to send to a provider.",
        ANSWERING, ("edge", "guardrails"),
    ),
    Channel(
        "maySend", f"{subjects.reader('edge', '{worker}')}.{subjects.MAY_SEND}", None,
        "A worker past a request's send-by time asks whether it may still call a provider: the lane's token in, "
        "`yes` or `no` out, as plain text.",
        ("router", "passthrough"), ("edge",),
    ),
    Channel(
        "grants", subjects.worker_lane("{service}.{worker}"), frames.Grants,
        "A lane reader's beat to a worker: credit as a running total of bytes, by lane.",
        ("edge", "guardrails"), ANSWERING,
    ),
    Channel(
        "bodies", subjects.body("{service}", "{worker}"), frames.BodyRequest,
        "A question for a piece of a body that is too large for one message; the reply is a `BodyPiece`.",
        ("guardrails", "router", "admin", "passthrough"), ("edge", "guardrails"),
    ),
    Channel(
        "beats", subjects.beat("{service}", "{worker}"), control.Beat, "A worker is alive.", EVERY, EVERY,
    ),
    Channel("hello", subjects.HELLO, None, "A new worker asks everybody to beat now.", EVERY, EVERY),
    Channel("cancellations", subjects.CANCEL, control.Cancel, "Clients went away.", ("edge", "guardrails"), EVERY),
    Channel(
        "changes", subjects.change("{kind}"), control.Change, "An object changed; its caches forget it.",
        ("admin",), ("auth", "router"),
    ),
    Channel(
        "clock", subjects.CLOCK, control.Clock, "The number of the last change, twice a second.",
        ("admin",), ("auth", "router"),
    ),
    Channel(
        "scrapes", subjects.SCRAPE, None, "Whoever hears this replies with an `Exposition` of its metrics.",
        ("edge",), EVERY,
    ),
    Channel(
        "limitTurns", subjects.LIMIT_TURN, limits.Turn,
        "What a process has for the limiter at one moment: requests that may begin or not, what others used, and "
        "which are over. The active limiter takes it.",
        ("auth", "edge", "router", "passthrough", "billing"), ("auth",),
    ),
    Channel(
        "limitAnswers", subjects.limit_answer("{service}.{worker}"), limits.TurnAnswered,
        "The limiter's verdicts, and which turns stand in its journal.",
        ("auth",), ("auth", "edge", "router", "passthrough", "billing"),
    ),
    Channel(
        "limitJournal", subjects.LIMIT_JOURNAL, entries.Entry,
        f"What the limiter decided, in the JetStream stream {subjects.LIMIT_STREAM}; only auth workers read it.",
        ("auth",), ("auth",),
    ),
    Channel(
        "completions", subjects.COMPLETION_FINISHED, events.CompletionsFinished,
        f"Completion events that were at hand together, stored in the JetStream stream {subjects.EVENT_STREAM}.",
        ("router", "passthrough", "edge"), ("billing",),
    ),
    Channel(
        "softBudgets", subjects.soft_budget_reached("{id}"), events.SoftBudgetReached,
        f"A soft budget is spent, told once for each id and kept in the JetStream stream {subjects.ALERT_STREAM}.",
        ("auth",), (),
    ),
    Channel(
        "deadCompletions", subjects.DEAD_COMPLETION, events.CompletionsFinished,
        f"Events that no retry can write, kept in the JetStream stream {subjects.DEAD_LETTER_STREAM}.",
        ("billing",), (),
    ),
)  # fmt: skip
"""Every subject of `shared.bus.subjects`."""


def asyncapi() -> dict[str, Any]:
    """Return the document."""
    schemas: dict[str, Any] = {}
    for channel in CHANNELS:
        if channel.head is not None:
            _, parts = msgspec.json.schema_components((channel.head,), ref_template="#/components/schemas/{name}")
            schemas |= parts
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Tollway's bus",
            "version": VERSION,
            "description": "Generated; `make generate` writes it. A message is one line of JSON; where bytes "
            "belong to it, they follow a newline as they came.",
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": dict(operation for channel in CHANNELS for operation in _operations(channel)),
        "components": {
            "messages": {_message(channel): _described(channel) for channel in CHANNELS},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    described: dict[str, Any] = {
        "address": channel.address,
        "summary": channel.summary,
        "messages": {_message(channel): {"$ref": f"#/components/messages/{_message(channel)}"}},
    }
    names = [part.split("}")[0] for part in channel.address.split("{")[1:]]
    if names:
        described["parameters"] = {name: {"description": _PARAMETERS[name]} for name in names}
    return described


_PARAMETERS = {
    "service": "The service's name.",
    "worker": "The worker's id, new for each process.",
    "lane": "The request id, and from the second try on a hyphen and the epoch.",
    "kind": "What changed.",
    "id": "The fact's id, the same however often it is found out.",
}


def _operations(channel: Channel) -> list[tuple[str, dict[str, Any]]]:
    reference = {"$ref": f"#/channels/{channel.name}"}
    sent = {"action": "send", "channel": reference, "tags": [{"name": name} for name in channel.senders]}
    received: dict[str, Any] = {
        "action": "receive",
        "channel": reference,
        "tags": [{"name": name} for name in channel.receivers],
    }
    if channel.queue:
        received["bindings"] = {"nats": {"queue": "{service}", "bindingVersion": "0.1.0"}}
    operations = [(f"send_{channel.name}", sent)]
    if channel.receivers:
        operations.append((f"receive_{channel.name}", received))
    return operations


def _message(channel: Channel) -> str:
    return channel.head.__name__ if channel.head is not None else "Empty"


def _described(channel: Channel) -> dict[str, Any]:
    if channel.head is None:
        return {"name": "Empty", "summary": "A message without content."}
    name = channel.head.__name__
    content = "application/octet-stream" if channel.bytes_follow else "application/json"
    return {"name": name, "contentType": content, "payload": {"$ref": f"#/components/schemas/{name}"}}
