"""What the bus's own objects count, shown at a scrape: a table from attributes to metrics.

Each `start()` here calls its function; an `EventWriter` and a `FileSpool` know no worker, so the composition
root that makes them calls `observe_events`.
"""

from collections.abc import Sized
from typing import TYPE_CHECKING

from shared.telemetry import families
from shared.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from shared.bus.changes import ChangeFollower
    from shared.bus.group_commit import EventWriter
    from shared.bus.lane_reader import Lanes
    from shared.bus.limits import LimiterClient
    from shared.bus.stage import Stage
    from shared.bus.worker import Worker


def observe_worker(metrics: Metrics, worker: "Worker") -> None:
    """Show a worker's connection and the lanes that it answers on."""
    metrics.watch(families.BUS_DROPPED, lambda: worker.bus.dropped)
    metrics.watch(families.BUS_PENDING, lambda: worker.bus.pending_bytes)
    metrics.watch(families.LANES, lambda: len(worker.lanes), "answering")
    metrics.watch_cache("cancellations", lambda: len(worker.cancelled))


def observe_stage(metrics: Metrics, stage: "Stage") -> None:
    """Show a stage's requests."""
    metrics.watch(families.HANDLED, lambda: stage.handled)
    metrics.watch(families.SHED, lambda: stage.shed)
    metrics.watch(families.EXPIRED, lambda: stage.expired)
    metrics.watch(families.IN_HAND, lambda: len(stage))


def observe_lanes(metrics: Metrics, lanes: "Lanes") -> None:
    """Show the lanes that a process reads."""
    metrics.watch(families.LANES, lambda: len(lanes), "reading")
    metrics.watch(families.LANE_GAPS, lambda: lanes.gaps)
    metrics.watch(families.WORKERS_LOST, lambda: lanes.lost)


def observe_bodies(metrics: Metrics, shelf: Sized) -> None:
    """Show how many bodies a process holds for others."""
    metrics.watch(families.BODIES_HELD, lambda: len(shelf))


def observe_changes(metrics: Metrics, follower: "ChangeFollower") -> None:
    """Show whether a process's caches are true."""
    metrics.watch(families.CHANGE_GAPS, lambda: follower.gaps)
    metrics.watch(families.CHANGES_FRESH, lambda: follower.fresh)


def observe_limits(metrics: Metrics, client: "LimiterClient") -> None:
    """Show what a process waits for the limiter with."""
    metrics.watch(families.LIMIT_ASKING, lambda: client.asking)
    metrics.watch(families.LIMIT_UNSETTLED, lambda: client.unsettled)
    metrics.watch(families.LIMIT_DROPPED, lambda: client.dropped)
    metrics.watch(families.LIMIT_REPEATED, lambda: client.repeated)


def observe_events(metrics: Metrics, writer: "EventWriter", spool: Sized | None = None) -> None:
    """Show how events are stored."""
    metrics.watch(families.EVENTS, lambda: writer.events)
    metrics.watch(families.EVENT_BATCHES, lambda: writer.batches)
    metrics.watch(families.EVENTS_QUEUED, lambda: len(writer))
    metrics.watch(families.EVENTS_KEPT, lambda: writer.kept)
    metrics.watch(families.EVENTS_LOST, lambda: writer.lost)
    metrics.watch(families.EVENTS_STALLED, lambda: writer.stalled)
    metrics.watch(families.EVENT_STREAM_FULL, lambda: writer.full)
    if spool is not None:
        metrics.watch(families.EVENTS_SPOOLED, lambda: len(spool))
