"""The pace of devices that have no clock of their own: files, pipes and nothing at all."""

from __future__ import annotations

import time

from edge_agent.core.pcm import PERIOD_S

CATCH_UP_LIMIT_S = 0.5
"""Up to this much lateness is caught up, as a card's buffer would; beyond it the pace starts anew.

A stopped process must not make up for hours in one burst when it goes on.
"""


class Pacer:
    """Divides the monotonic clock into periods; the first begins with the first :meth:`wait`."""

    def __init__(self) -> None:
        self._due_s: float | None = None

    def wait(self) -> None:
        """Sleep until the next period is over; returns at once while behind."""
        now = time.monotonic()
        if self._due_s is None or now - self._due_s > CATCH_UP_LIMIT_S:
            self._due_s = now
        self._due_s += PERIOD_S
        if self._due_s > now:
            time.sleep(self._due_s - now)
