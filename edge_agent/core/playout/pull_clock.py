"""When a block is really due, whenever the thread that asks for it wakes up."""

from __future__ import annotations

import math

FASTEST_DRIFT = 0.001
"""How much faster than the device's clock the machine's may be: crystals differ by 0.0001 at most."""

LARGEST_LATENESS_S = 0.030
"""Later than this is not late any more: the device has played what it held, and its clock stood still."""

WINDOW_PULLS = 100
"""A second: no machine is late every time for so long. What all of them have in common is the device's."""


class PullClock:
    """Takes the lateness out of the times of pulls: a device asks in time, a busy machine answers later.

    Between two pulls the time goes on by the length of the block that was played, and never beyond the clock.
    """

    def __init__(self) -> None:
        self._due_at = -math.inf
        self._least_lateness_s = math.inf
        self._late_pulls = 0

    def at(self, now: float) -> float:
        """Return when the block that is asked for at ``now`` was due."""
        lateness_s = now - self._due_at
        if not 0 < lateness_s <= LARGEST_LATENESS_S:
            self._set(now)
            return now
        self._least_lateness_s = min(self._least_lateness_s, lateness_s)
        self._late_pulls += 1
        if self._late_pulls == WINDOW_PULLS:
            self._set(self._due_at + self._least_lateness_s)
        return self._due_at

    def played(self, duration_s: float) -> None:
        """A block of this length was given out."""
        self._due_at += duration_s * (1 + FASTEST_DRIFT)

    def _set(self, due_at: float) -> None:
        self._due_at = due_at
        self._least_lateness_s = math.inf
        self._late_pulls = 0
