"""When the machine stood still: a virtual one is not always given its processors, and any may be busy.

What is heard then is no fault of the daemon, nor of a hand-over; so it is measured beside them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

NAP_S = 0.005
LEAST_S = 0.010
"""What wakes up later than that is noted; idle machines wake up within a millisecond."""

END_LIMIT_S = 5.0

_WATCH = f"""
import os, sys, time
os.sched_setaffinity(0, {{int(sys.argv[1])}})
while True:
    began = time.monotonic()
    time.sleep({NAP_S})
    late = time.monotonic() - began - {NAP_S}
    if late > {LEAST_S}:
        print(began, late, flush=True)
"""


@dataclass
class Standstills:
    """Moments (monotonic seconds) at which one of the processors gave nothing, and for how long; by end."""

    found: list[tuple[float, float]] = field(default_factory=list)

    def longest_s(self, since: float, until: float) -> float:
        """Return the longest that was under way between the two moments, 0 for none."""
        return max((late for at, late in self.found if at < until and at + late > since), default=0.0)


@contextmanager
def standstills() -> Iterator[Standstills]:
    """Watch each processor from outside, by a process that sleeps; told when the block has ended."""
    seen = Standstills()
    with tempfile.TemporaryDirectory() as folder:
        # A file for each: what two processes write to one may come to lie on top of each other.
        notes = [Path(folder, str(processor)) for processor in sorted(os.sched_getaffinity(0))]
        watches = [_watch(note) for note in notes]
        try:
            yield seen
        finally:
            for watch in watches:
                watch.kill()
            for watch in watches:
                watch.wait(END_LIMIT_S)
        lines = [line for note in notes for line in note.read_text().splitlines(keepends=True)]
    seen.found = sorted(_read(line) for line in lines if line.endswith("\n"))  # one may have been cut short


def _watch(note: Path) -> subprocess.Popen[bytes]:
    """Watch the processor that ``note`` is named for; what is seen is written there."""
    with note.open("wb") as output:
        return subprocess.Popen([sys.executable, "-c", _WATCH, note.name], stdout=output)


def _read(line: str) -> tuple[float, float]:
    began, late = line.split()
    return float(began), float(late)
