"""How long what is missing may still come, on a path where packets overtake each other.

Where they don't, as on a radio that sends all in order, a packet is lost as soon as the next one is there.
"""

from __future__ import annotations

from collections import deque

from edge_agent.core.pcm import SAMPLE_RATE_HZ
from edge_agent.core.playout.bridge import LONGEST_BRIDGE_SAMPLES

OVERTAKEN_S = 0.025
"""A packet that was overtaken and so late is a sign of jitter that differs from packet to packet. Less is
what a measured target waits for anyway."""

MEMORY_S = 0.5
"""Where packets overtake each other it shows again within that; what strayed alone is soon forgotten."""

LEAST_WAIT_S = 0.040
WAIT_MARGIN = 1.2
"""What is waited for once it shows: so much at least, and by that much more than the worst was late. To wait
once for long enough is heard less than a little longer each time. Over 64 beginnings of jitter in speech PESQ
gains 0.05 with up to 40 ms of it, 0.25 with up to 100 ms; with a LEAST_WAIT_S of 60 ms nothing is gained."""

LONGEST_WAIT_S = LONGEST_BRIDGE_SAMPLES / SAMPLE_RATE_HZ
"""Nothing bridges more than that: a packet that is later still strayed, and says nothing of the next ones."""

LIMIT_PACKETS = 50
"""As many as come in twice MEMORY_S. Overflow rule: the oldest is forgotten."""


class Overtaking:
    """Remembers which packets were overtaken of late, and how late they were. Times in seconds."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._late: deque[tuple[float, float]] = deque(maxlen=LIMIT_PACKETS)

    def observe(self, sequence: int, arrived_at: float, late_s: float) -> None:
        """Take one arrival: its unwrapped number, and how much longer it took than the fastest."""
        if self._newest is None or sequence > self._newest:
            self._newest = sequence
        elif sequence < self._newest and OVERTAKEN_S < late_s <= LONGEST_WAIT_S:
            self._late.append((arrived_at, late_s))

    def wait_s(self, now: float) -> float:
        """Return how late the next packets may be; 0 if none was overtaken in the last MEMORY_S."""
        while self._late and now - self._late[0][0] > MEMORY_S:
            self._late.popleft()
        if not self._late:
            return 0.0
        worst_s = max(late_s for _, late_s in self._late)
        return min(LONGEST_WAIT_S, max(LEAST_WAIT_S, WAIT_MARGIN * worst_s))

    def clear(self) -> None:
        """Forget everything: the numbers begin anew."""
        self._newest = None
        self._late.clear()
