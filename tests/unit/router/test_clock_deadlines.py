"""The clocks of a provider call and the request's deadline: whatever runs, the call ends before the deadline."""

import asyncio
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.clocks import DEADLINE_MARGIN, Clock, Clocks
from shared.alarms import Alarms
from shared.settings.models import Timeouts

STEPS: list[Clock | None] = ["first_byte", "first_token", "between_tokens", None]
SECONDS = st.floats(0.001, 1000)


class Watched(Alarms):
    """Alarms that can be looked at."""

    def latest(self) -> float:
        """Return when the last of them rings."""
        return max(alarm.when for alarm in self._alarms)


@settings(max_examples=60)
@given(SECONDS, st.builds(dict, **dict.fromkeys(("first_byte", "first_token", "between_tokens", "total"), SECONDS)),
       st.lists(st.sampled_from(STEPS), max_size=30))  # fmt: skip
def test_no_sum_of_clocks_passes_the_deadline(
    remaining: float, limits: dict[str, float], steps: list[Clock | None]
) -> None:
    """Each chunk sets a clock anew, and each of them rings at the deadline or at the total at the latest."""

    async def run() -> None:
        alarms = Watched()
        clocks = Clocks(alarms, Timeouts.model_validate(limits), remaining + 1)
        after = time.monotonic()
        async with clocks:
            for step in steps:
                if step is None:
                    clocks.pause()
                else:
                    clocks.start(step)
                    assert alarms.latest() <= time.monotonic() + limits[step]
                assert alarms.latest() <= min(after + remaining + 1 - DEADLINE_MARGIN, after + limits["total"])

    asyncio.run(run())
