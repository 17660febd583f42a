"""Who is alive: a table of workers by service, kept by their beats."""

from dataclasses import dataclass, field

from shared.bus import subjects
from shared.bus.beats import BEAT, LOST_AFTER

FORGET_AFTER = 60.0
"""Seconds of silence after which a worker that did not say good-bye is no longer suspected, but forgotten."""

FRESH = 2.5 * BEAT
"""Seconds since the last beat within which a worker counts as alive."""


@dataclass(slots=True)
class _Member:
    last: float
    ready: bool
    in_hand: int = 0
    missing: tuple[str, ...] = ()
    declarations: str = ""


@dataclass(slots=True)
class Membership:
    """Pure state: every call is told the time (monotonic seconds)."""

    members: dict[str, dict[str, _Member]] = field(default_factory=dict)
    _turn: int = 0
    _sound: dict[str, float] = field(default_factory=dict)
    """Until when nobody of a service can be silent, unless a beat or a good-bye changes it."""
    beats: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each worker was last heard, those that said good-bye and still work included."""
    heard: float = 0.0
    """When any beat was last heard; silence of everybody means that the broker is gone, not they."""

    def beat(
        self,
        service: str,
        worker: str,
        now: float,
        *,
        ready: bool = True,
        in_hand: int = 0,
        missing: tuple[str, ...] = (),
        declarations: str = "",
    ) -> None:
        """Note a beat."""
        self.heard = now
        self.beats[service, worker] = now
        self._sound.pop(service, None)
        self.members.setdefault(service, {})[worker] = _Member(now, ready, in_hand, missing, declarations)

    def leave(self, service: str, worker: str, now: float) -> None:
        """Forget a worker that said good-bye; it beats until its requests have ended."""
        self.beats[service, worker] = now
        self._sound.pop(service, None)
        self.members.get(service, {}).pop(worker, None)

    def forget(self, now: float) -> None:
        """Drop who has been silent for too long to be expected back."""
        for workers in self.members.values():
            for worker in [name for name, member in workers.items() if now - member.last > FORGET_AFTER]:
                del workers[worker]
        self.beats = {name: last for name, last in self.beats.items() if now - last <= FORGET_AFTER}

    def alive(self, service: str, now: float) -> list[str]:
        """Return the ids of the workers of a service that are ready and were heard of lately."""
        return [
            worker
            for worker, member in self.members.get(service, {}).items()
            if member.ready and now - member.last < FRESH
        ]

    def heard_of(self, service: str, now: float) -> int:
        """Return how many workers of a service were heard of lately, ready or not."""
        return sum(1 for member in self.members.get(service, {}).values() if now - member.last < FRESH)

    def present(self, now: float) -> set[str] | None:
        """Return the ids of all workers that were heard of lately; None when nobody was, so that nobody can tell."""
        heard = {
            worker
            for workers in self.members.values()
            for worker, member in workers.items()
            if now - member.last < FRESH
        }
        return heard or None

    def missing(self, now: float) -> list[tuple[str, str]]:
        """Return what workers that were heard of lately cannot serve without, each once, as (service, what)."""
        said = [
            (service, what)
            for service, workers in self.members.items()
            for member in workers.values()
            if now - member.last < FRESH
            for what in member.missing
        ]
        return list(dict.fromkeys(said))

    def declarations(self, now: float) -> str:
        """Return what became of the configuration file's objects, at its worst; empty where nobody says it."""
        said = {
            member.declarations
            for workers in self.members.values()
            for member in workers.values()
            if now - member.last < FRESH
        }
        return next((state for state in ("refused", "waiting", "applied") if state in said), "")

    def suspicious(self, service: str, now: float) -> bool:
        """Tell whether a worker fell silent without a good-bye; its queue group may go on feeding it."""
        return any(now - member.last >= FRESH for member in self.members.get(service, {}).values())

    def address(self, service: str, now: float, *, direct: bool = False) -> str | None:
        """Return the subject for the next request to a service; None when nobody is there to take it.

        The queue group, as long as all of its workers beat; a live worker by name while one of them is
        silent, or when `direct` asks for it.
        """
        if not direct and now < self._sound.get(service, 0.0):
            return subjects.request(service)
        alive = self.alive(service, now)
        if not alive:
            return None
        if direct or self.suspicious(service, now):
            self._turn += 1
            return subjects.worker_request(service, alive[self._turn % len(alive)])
        self._sound[service] = min(member.last for member in self.members[service].values()) + FRESH
        return subjects.request(service)

    def silent(self, now: float) -> bool:
        """Tell whether nobody at all was heard: the broker is frozen or cut off."""
        return now - self.heard > LOST_AFTER
