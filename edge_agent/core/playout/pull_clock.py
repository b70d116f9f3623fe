"""When a block is really due, whenever the thread that asks for it wakes up."""

from __future__ import annotations

import math

FASTEST_DRIFT = 0.001
"""How much faster than the device's clock the machine's may be: crystals differ by 0.0001 at most."""

LARGEST_LATENESS_S = 0.030
"""Later than this is not late any more: the device has played what it held, and its clock stood still."""


class PullClock:
    """Takes the lateness out of the times of pulls: a device asks in time, a busy machine answers later.

    Between two pulls the time goes on by the length of the block that was played, and never beyond the clock.
    """

    def __init__(self) -> None:
        self._due_at = -math.inf

    def at(self, now: float) -> float:
        """Return when the block that is asked for at ``now`` was due."""
        is_late = 0 < now - self._due_at <= LARGEST_LATENESS_S
        self._due_at = self._due_at if is_late else now
        return self._due_at

    def played(self, duration_s: float) -> None:
        """A block of this length was given out."""
        self._due_at += duration_s * (1 + FASTEST_DRIFT)
