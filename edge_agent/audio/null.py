"""A microphone in a silent room and a loudspeaker that nobody hears; both keep real time."""

from __future__ import annotations

from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.pace import Pacer
from edge_agent.core.pcm import BYTES_PER_S, SILENCE


class NullInput:
    """Silence at the pace of the monotonic clock. Never fails."""

    xruns = 0
    drift_ppm = None

    def __init__(self, block_periods: int = 1) -> None:
        self._pacer = Pacer()
        self._block = SILENCE * block_periods

    def read(self) -> bytes:
        """Wait for the time of one block and return silence."""
        self._pacer.move(len(self._block) / BYTES_PER_S)
        self._pacer.wait()
        return self._block

    def close(self) -> None:
        """Nothing to let go."""


class NullOutput:
    """Takes sound at the pace of the monotonic clock and forgets it. Never fails."""

    xruns = 0
    drift_ppm = None
    restarts_in_time = True

    def __init__(self) -> None:
        self._pacer = Pacer()

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Wait until the last block would have been played, or ``interrupt`` is set."""
        self._pacer.wait(interrupt)

    def write(self, block: bytes) -> None:
        """Take a block and forget it."""
        self._pacer.wait()
        self._pacer.move(len(block) / BYTES_PER_S)

    def drop(self) -> None:
        """Nothing waits."""

    def queued_s(self) -> float:
        """Nothing waits: what is written counts as played."""
        return 0.0

    def close(self) -> None:
        """Nothing to let go."""
