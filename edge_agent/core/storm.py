"""The storm breaker: how many sessions are opened at most, whatever goes wrong.

A session may cost money from its first second. Waiting times bound how often one fault can be met; this
bounds all of them together.
"""

from __future__ import annotations

import math
from collections import deque

from edge_agent.core.policy import Cap, Caps


class StormBreaker:
    """Counts sessions in sliding windows. An attempt counts until it is known that it made no session.

    Endpoints that cost money and those that do not are counted apart, so that a device can always go over to
    one that costs nothing.
    """

    def __init__(self, caps: Caps) -> None:
        self._unplanned = {paid: tuple(_Window(cap) for cap in caps.unplanned) for paid in (True, False)}
        self._paid = tuple(_Window(cap) for cap in caps.paid)

    def allowed_at(self, *, planned: bool, paid: bool) -> float:
        """Return when the next session may be opened (monotonic seconds); -inf for any time."""
        windows = self._windows(planned=planned, paid=paid)
        return max((window.free_at for window in windows), default=-math.inf)

    def opening(self, now: float, *, planned: bool, paid: bool) -> None:
        """A session is being opened."""
        for window in self._windows(planned=planned, paid=paid):
            window.add(now)

    def came_to_nothing(self, at: float) -> None:
        """What was begun at ``at`` made no session: nobody answered, or with a refusal."""
        for window in (*self._unplanned[True], *self._unplanned[False], *self._paid):
            window.remove(at)

    def _windows(self, *, planned: bool, paid: bool) -> tuple[_Window, ...]:
        return (() if planned else self._unplanned[paid]) + (self._paid if paid else ())


class _Window:
    """The newest ``cap.count`` sessions of one kind."""

    def __init__(self, cap: Cap) -> None:
        self._cap = cap
        self._times: deque[float] = deque(maxlen=cap.count)

    @property
    def free_at(self) -> float:
        """When the oldest of a full window falls out of it."""
        is_full = len(self._times) == self._cap.count
        return self._times[0] + self._cap.window_s if is_full else -math.inf

    def add(self, now: float) -> None:
        self._times.append(now)

    def remove(self, at: float) -> None:
        if at in self._times:
            self._times.remove(at)
