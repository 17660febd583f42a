"""How often life signs go out, and when their absence counts."""

BEAT = 1.0
"""Seconds between two beats of a worker."""

MISSED = 3
"""So many beats missed in a row mean that the other side is gone."""

LOST_AFTER = BEAT * (MISSED + 0.5)
"""Seconds of silence after which a worker or a reader is given up."""

SEND_WITHIN = BEAT * MISSED
"""Seconds after a (re)send within which a router may call a provider without asking the edge."""

SLEPT = BEAT * 2
"""Seconds between two ticks after which a process knows that it was stopped, so that silence proves nothing."""
