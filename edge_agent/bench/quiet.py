"""Readings that the machine's own host has not disturbed.

A virtual machine may stand still for a hundred milliseconds, and what then comes late says nothing of the
stacks. What its host took away is in /proc/stat (``steal``, proc_stat(5)); on real hardware that is nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

STOLEN_SHARE = 0.005
"""Of the time of all processors. Rounds of 17 s on a quiet host lost 0.0 to 0.1 %, and no packet was sent
5 ms late; rounds on a busy one lost 2 to 14 %, with packets sent 7 to 120 ms late."""

TRIES = 3
"""A host that is busy for longer is what the machine is like: the last reading counts, and that is told."""

PROC_STAT = Path("/proc/stat")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """What all processors have done since the machine started, in ticks."""

    stolen: int
    total: int

    @classmethod
    def now(cls) -> Self:
        """Read it."""
        return cls.of(PROC_STAT.read_text(encoding="ascii"))

    @classmethod
    def of(cls, stat: str) -> Self:
        """Take it from the text of /proc/stat: user nice system idle iowait irq softirq steal, and guests'
        time, which is in user and nice already."""
        ticks = [int(word) for word in stat.splitlines()[0].split()[1:9]]
        return cls(stolen=ticks[7], total=sum(ticks))

    def stolen_share_since(self, before: Self) -> float:
        """Return what share of the time since then was stolen."""
        return (self.stolen - before.stolen) / max(1, self.total - before.total)


@dataclass(frozen=True, slots=True)
class Reading(Generic[Found]):
    """Something that can be measured more than once."""

    name: str
    measure: Callable[[], Awaitable[Found]]
    keep: Callable[[Found], Awaitable[None]]
    """What is done with the one that counts."""


@dataclass(slots=True)
class Quiet:
    """Repeats what was disturbed, and counts."""

    say: Callable[[str], None]
    clock: Callable[[], ProcessorTime] = ProcessorTime.now
    repeated: int = 0
    disturbed: int = 0
    """Kept though they were disturbed, after ``TRIES``."""

    async def read_all(self, readings: Iterable[Reading[Found]]) -> None:
        """Make all readings in turn and keep them; what was disturbed is made again behind all others.

        A host is busy for minutes at a time: the same reading made again at once is disturbed again.
        """
        waiting = deque((reading, 1) for reading in readings)
        while waiting:
            reading, tries = waiting.popleft()
            self.say(f"{reading.name}; {len(waiting)} to follow")
            before = self.clock()
            found = await reading.measure()
            stolen = self.clock().stolen_share_since(before)
            if stolen > STOLEN_SHARE and tries < TRIES:
                self.repeated += 1
                self.say(f"to be read again: this machine's host took away {100 * stolen:.1f} % of its time")
                waiting.append((reading, tries + 1))
                continue
            self.disturbed += stolen > STOLEN_SHARE
            await reading.keep(found)

    def as_dict(self) -> dict[str, int]:
        """Return both counts by name."""
        return {"repeated": self.repeated, "disturbed": self.disturbed}
