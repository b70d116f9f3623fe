"""Whether the service manager's watchdog may be fed: only while everything that has to move does move.

A timer that feeds the watchdog proves no more than that the timer runs. Here the event loop asks, and each
sound thread is a counter; a stalled loop doesn't ask, and a stuck thread's counter stands still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Mark:
    """The last count seen, and since when it has been that."""

    count: int
    since: float


class ProgressGate:
    """Judges named counters by how long each has stood still. Knows no clock and no thread."""

    def __init__(self, limits_s: Mapping[str, float]) -> None:
        """``limits_s``: for each counter, how long it may stand still, in seconds, above 0."""
        if not all(limit_s > 0 for limit_s in limits_s.values()):
            raise ValueError(f"every limit has to be above 0 s, got {dict(limits_s)}")
        self._limits_s = dict(limits_s)
        self._marks: dict[str, _Mark] = {}

    def stuck(self, counts: Mapping[str, int | None], now: float) -> tuple[str, ...]:
        """Take the counters' values at ``now`` and return the names of those that stood still for too long.

        The watchdog may be fed if the answer is empty. A counter that is None, or absent, has nothing to do
        at present; its time starts anew when it comes back. Any change counts as progress, a restart from
        zero too. Raises KeyError for a counter without a limit.
        """
        for name in self._marks.keys() - {name for name, count in counts.items() if count is not None}:
            del self._marks[name]
        return tuple(
            name
            for name, count in counts.items()
            if count is not None and self._stands_still_s(name, count, now) > self._limits_s[name]
        )

    def _stands_still_s(self, name: str, count: int, now: float) -> float:
        mark = self._marks.get(name)
        if mark is None or mark.count != count:
            self._marks[name] = mark = _Mark(count, now)
        return now - mark.since
