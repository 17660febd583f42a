"""What several processes have for the limiter at one moment, put together; and its answers, sorted by process."""

from collections import defaultdict, deque
from collections.abc import Iterable

from services.auth.domain.limiter.soundness import is_sound, is_sound_end, is_sound_use
from shared.schemas.limits import Ask, Released, Settled, Turn, TurnAnswered, Verdict

ASKS_AT_ONCE = 300
ASK_CHARACTERS = 100_000
NEWS_AT_ONCE = 4000
"""Questions, their characters, and settlements with releases, after which no further turn joins a batch: its entry must
fit a message."""

SENDERS = 100_000
"""Questions without a verdict whose senders are remembered; past it the oldest must be asked again."""


class Batch:
    """The turns that are decided together."""

    __slots__ = ("asks", "released", "settled", "turns", "unsound")

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.asks: list[Ask] = []
        self.unsound: list[Ask] = []
        """Questions that nobody can decide; they touch no table."""
        self.settled: list[Settled] = []
        self.released: list[Released] = []

    @property
    def is_full(self) -> bool:
        """True when no further turn should join."""
        return len(self.asks) >= ASKS_AT_ONCE or len(self.settled) + len(self.released) >= NEWS_AT_ONCE

    @property
    def senders(self) -> list[str]:
        """Return who is in it."""
        return sorted({turn.sender for turn in self.turns})

    @classmethod
    def take(cls, turns: deque[Turn]) -> "Batch":
        """Take turns from the front of the queue, as many as go together."""
        batch = cls()
        characters = 0
        while turns and not batch.is_full and characters < ASK_CHARACTERS:
            turn = turns.popleft()
            characters += sum(ask.length for ask in turn.asks)
            batch.turns.append(turn)
            for ask in turn.asks:
                (batch.asks if is_sound(ask) else batch.unsound).append(ask)
            batch.settled += filter(is_sound_use, turn.settled)
            batch.released += filter(is_sound_end, turn.released)
        return batch


class Answers:
    """Who is to hear what."""

    def __init__(self) -> None:
        self._senders: dict[str, str] = {}
        self._verdicts: defaultdict[str, list[Verdict]] = defaultdict(list)
        self._done: defaultdict[str, list[int]] = defaultdict(list)

    def expect(self, batch: Batch) -> None:
        """Note who asked and told what; none of it is answered yet."""
        for turn in batch.turns:
            self._done[turn.sender].append(turn.number)
            for ask in turn.asks:
                self._senders[ask.id] = turn.sender
        for released in batch.released:
            self._senders.pop(released.id, None)
        while len(self._senders) > SENDERS:
            del self._senders[next(iter(self._senders))]

    def fail(self, asks: Iterable[Ask]) -> None:
        """Add that these questions cannot be decided."""
        self.add(Verdict.of_fault(ask.id) for ask in asks)

    def add(self, verdicts: Iterable[Verdict]) -> None:
        """Add verdicts; one that nobody is known to wait for is dropped, and asked for again."""
        for verdict in verdicts:
            sender = self._senders.pop(verdict.id, None)
            if sender is not None:
                self._verdicts[sender].append(verdict)

    @property
    def waiting(self) -> bool:
        """True where verdicts are to go out."""
        return bool(self._verdicts)

    def urgent(self) -> list[tuple[str, TurnAnswered]]:
        """Take out the answers of processes that wait for verdicts."""
        verdicts, self._verdicts = self._verdicts, defaultdict(list)
        return [
            (sender, TurnAnswered(tuple(found), tuple(self._done.pop(sender, ()))))
            for sender, found in verdicts.items()
        ]

    def rest(self) -> list[tuple[str, TurnAnswered]]:
        """Take out what nobody waits for: that settlements and releases are done."""
        done, self._done = self._done, defaultdict(list)
        return [(sender, TurnAnswered(done=tuple(numbers))) for sender, numbers in done.items()]
