"""The pace of devices that have no clock of their own: files, pipes and nothing at all."""

from __future__ import annotations

import math
import time

from edge_agent.audio.interrupt import Interrupt
from edge_agent.core.pcm import PERIOD_S

CATCH_UP_LIMIT_S = 0.5
"""Up to this much lateness is caught up, as a card's buffer would; beyond it the pace starts anew.

A stopped process must not make up for hours in one burst when it goes on.
"""


class Pacer:
    """Divides the monotonic clock into blocks; the first begins with the first :meth:`move`."""

    def __init__(self) -> None:
        self._due_s = -math.inf

    def move(self, duration_s: float = PERIOD_S) -> None:
        """Begin the next block, which lasts ``duration_s``."""
        now = time.monotonic()
        if now - self._due_s > CATCH_UP_LIMIT_S:
            self._due_s = now
        self._due_s += duration_s

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Sleep until the block that was begun last is over; returns at once while behind, or interrupted."""
        left_s = self._due_s - time.monotonic()
        if left_s > 0:
            sleep(left_s, interrupt)


def sleep(duration_s: float, interrupt: Interrupt | None) -> None:
    """Sleep, but no longer than until ``interrupt`` is set."""
    if interrupt is None:
        time.sleep(duration_s)
    else:
        interrupt.wait(duration_s)
