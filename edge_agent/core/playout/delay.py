"""How long packets take compared with the fastest ones, and how much of that playout has to wait for."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

WINDOW_EVENTS = 500
"""Ten seconds of packets of 20 ms: long enough for a quantile near the end, short enough to follow a network
that changes (NetEQ's histogram forgets half in about as many)."""

QUANTILE = 0.98
"""So many packets are waited for; NetEQ's 0.95 to 0.97 count in whole packets, rounded up."""

MARGIN = 1.1
"""For what the sample of the last seconds does not show."""

SMALLEST_MARGIN_S = 0.0035
"""What is added to the quantile: for jitter that is bounded nothing is late then. A thread wakes up about a
millisecond late when the interpreter is busy; and a drift of 100 ppm takes away a millisecond in ten seconds,
as long as a voice may speak without a pause in which that is put right. The rest is for a playout that runs
early by what is not worth a correction. Half a millisecond more would gain PESQ 0.04 at most, and that only
where nothing but a busy machine disturbs."""

FIRST_TARGET_S = 0.010
"""What is waited for before anything was measured: a wired network, or a good radio."""

LARGEST_TARGET_S = 0.300
"""More than this destroys a conversation (ITU-T G.114 calls 400 ms the limit, both ways together)."""

RECENT_EVENTS = 100
"""Two seconds: a network that becomes worse is noticed by the quantile after about a third of a second."""

LATE_EVENTS = 2
"""So many of the recent ones are followed at once: of RECENT_EVENTS they are what QUANTILE leaves out."""

TRUSTED_EVENTS = 50
"""After a second of packets the measurement alone counts."""

BURST_S = 0.005
"""Packets that arrive closer together have waited for the same thing: they are one event."""

GAP_S = 0.200
"""Without a packet for so long the sender paused or the path stood still. Which of both shows only in what
follows, so the measurement begins anew; what it has learned of the jitter is kept for its first second."""


JUMP_S = 1.0
"""A packet that takes so much longer or shorter than the last one has a timestamp of another clock."""


class DelayEstimate:
    """Learns the jitter from arrivals. Times in seconds; ``media_s`` is the RTP timestamp as seconds."""

    def __init__(self) -> None:
        self._events: deque[tuple[float, float]] = deque()
        self._recent: deque[float] = deque()
        self._highest_of_late: list[float] = []
        self._highest: list[float] = []
        self._lowest: list[float] = []
        self._last_arrival = -math.inf
        self._is_after_gap = True
        self._assumed_s = FIRST_TARGET_S
        self.target_s = FIRST_TARGET_S
        """How long after the fastest packet's time playout should run."""
        self.jitter_s = 0.0
        """The same without the margin: what is not there after so long is hardly late any more."""
        self.recent_peak_s = 0.0
        """The jitter if the worst of the last RECENT_EVENTS stood for all: less delay than that is too risky
        now, even if the long run says otherwise."""

    def observe(self, arrived_at: float, media_s: float) -> None:
        """Take one arrival."""
        transit_s = arrived_at - media_s
        since_last_s = arrived_at - self._last_arrival
        self._last_arrival = max(self._last_arrival, arrived_at)
        if since_last_s > GAP_S or self._jumps(transit_s):
            self.begin_anew()
        if self._events and (since_last_s < BURST_S or self._is_backlog(transit_s)):
            self._extend_event(transit_s)
        else:
            self._is_after_gap = not self._events
            self._add_event(transit_s, transit_s)
        self._judge()

    def delay_s(self, now: float, media_s: float) -> float:
        """Return how far ``now`` lies behind the arrival of a fastest packet with ``media_s``."""
        return now - media_s - (self._lowest[0] if self._lowest else now - media_s)

    def media_s(self, now: float) -> float:
        """Return what a fastest packet that arrives at ``now`` holds."""
        return now - self._lowest[0] if self._lowest else -math.inf

    def begin_anew(self) -> None:
        """Forget how long packets take, but for the jitter: the sender's clock was set anew."""
        self._assumed_s = self.target_s
        self.recent_peak_s = 0.0
        self._events.clear()
        self._recent.clear()
        self._highest_of_late.clear()
        self._highest.clear()
        self._lowest.clear()

    def _judge(self) -> None:
        lowest = self._lowest[0]
        in_the_long_run = self._highest[int(QUANTILE * len(self._highest))]
        of_late = self._highest_of_late[-min(LATE_EVENTS, len(self._highest_of_late))]
        self.jitter_s = max(in_the_long_run, of_late) - lowest
        wanted_s = self.jitter_s * MARGIN + SMALLEST_MARGIN_S
        if len(self._events) < TRUSTED_EVENTS:
            distrust = 1 - len(self._events) / TRUSTED_EVENTS
            wanted_s = max(wanted_s, self._assumed_s * distrust)
        self.target_s = min(LARGEST_TARGET_S, wanted_s)
        self.recent_peak_s = self._highest_of_late[-1] - lowest

    def _is_backlog(self, transit_s: float) -> bool:
        """Whether a gap is still being made up for: each packet has waited less than the one before."""
        return self._is_after_gap and transit_s < self._events[-1][1] - BURST_S

    def _jumps(self, transit_s: float) -> bool:
        return bool(self._events) and abs(transit_s - self._events[-1][1]) > JUMP_S

    def _extend_event(self, transit_s: float) -> None:
        highest, lowest = self._events.pop()
        self._recent.pop()
        _remove(self._highest_of_late, highest)
        _remove(self._highest, highest)
        _remove(self._lowest, lowest)
        lowest = min(lowest, transit_s)
        # What ends a gap was held up by the gap: it says nothing about the jitter outside of gaps.
        highest = lowest if self._is_after_gap else max(highest, transit_s)
        self._add_event(highest, lowest)

    def _add_event(self, highest: float, lowest: float) -> None:
        self._events.append((highest, lowest))
        self._recent.append(highest)
        insort(self._highest_of_late, highest)
        insort(self._highest, highest)
        insort(self._lowest, lowest)
        if len(self._recent) > RECENT_EVENTS:
            _remove(self._highest_of_late, self._recent.popleft())
        if len(self._events) > WINDOW_EVENTS:
            old_highest, old_lowest = self._events.popleft()
            _remove(self._highest, old_highest)
            _remove(self._lowest, old_lowest)


def _remove(values: list[float], value: float) -> None:
    """Take one ``value`` out of ``values``, which are sorted."""
    del values[bisect_left(values, value)]
