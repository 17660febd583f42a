"""What one decision of the limiter costs, without bus and journal: `python -m benchmarks.limiter_domain`.

Four scopes with limits, two of them with budgets, settlement and release included, many in flight, 64 in each turn.
"""

import argparse
import gc
import time
from collections import deque
from statistics import median

import msgspec

from services.auth.domain.limiter import Limiter
from shared.schemas.limits import Ask, Quota, Released, Settled

START = 1_800_000_000.0


def question(number: int, keys: int) -> Ask:
    """Return a question of four scopes."""
    key, team = number % keys, number % 100
    return Ask(
        f"0197f{number:027x}",
        f"edge.{number % 4}",
        START + 600,
        (
            Quota(f"key\x1f{key:064x}", rpm=1_000_000, tpm=10**9, budget=10**15, since=START - 10, until=START + 10**6),
            Quota(f"user\x1fuser-{key}", rpm=1_000_000, parallel=100_000),
            Quota(f"team\x1fteam-{team}", rpm=10**8, tpm=10**12, budget=10**15, since=START - 10, until=START + 10**6),
            Quota(f"key_model\x1f{key:064x}\x1fgpt-4o", rpm=1_000_000),
        ),
        tokens=500,
        cost=2_000_000,
    )


def measure(decisions: int, keys: int, at_once: int, in_flight: int, journal: bool) -> float:
    """Return the microseconds of one decision, the median over turns: neighbours on the machine disturb a mean."""
    limiter = Limiter("sliding")
    encode = msgspec.msgpack.Encoder().encode
    asks = [question(number, keys) for number in range(decisions)]
    now = START
    for ask in asks[: max(keys, 100)]:
        for scope, since in limiter.turn([ask], (), (), now).needed:
            limiter.load(scope, since, 0, now)
        limiter.turn((), [Settled(ask.id, 400, 10**6)], [Released(ask.id, True)], now)
    flying: deque[str] = deque()
    costs = []
    for begin in range(max(keys, 100), decisions, at_once):
        some = asks[begin : begin + at_once]
        ended = [flying.popleft() for _ in range(min(len(some), max(0, len(flying) - in_flight)))]
        settled = [Settled(id, 450, 1_500_000, now) for id in ended]
        released = [Released(id, True) for id in ended]
        started = time.perf_counter()
        result = limiter.turn(some, settled, released, now)
        if journal:
            encode(result.record)
        costs.append((time.perf_counter() - started) / len(some))
        flying.extend(ask.id for ask in some)
        now += at_once / 15_000
    return median(costs) * 1e6


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=60_000)
    arguments = parser.parse_args()
    print("keys  at once  in flight  journal  µs")
    gc.disable()
    for keys, at_once, in_flight in ((10, 64, 500), (1_000, 64, 500), (1_000, 1, 1), (10_000, 64, 5_000)):
        for journal in (False, True):
            cost = measure(arguments.decisions, keys, at_once, in_flight, journal)
            print(f"{keys:5}  {at_once:7}  {in_flight:9}  {'yes' if journal else 'no':>7}  {cost:.1f}")
            gc.collect()


if __name__ == "__main__":
    main()
