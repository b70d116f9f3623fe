"""What capture and playback ask of a sound device, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.audio.interrupt import Interrupt

LONGEST_BLOCK_S = 0.040
"""A block lasts a period, give or take what the playout inserts or leaves out to keep its delay."""


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Settings of the devices themselves.

    ``playout_fill_s`` is how much a sound card is kept ahead of what it plays, 0.02 to 0.5 s: the
    loudspeaker's delay, and what stands between a busy machine and a gap. It is two of the card's periods at
    least. ``keep_awake``: whether a card plays silence while there is nothing else; if not, it is closed.
    """

    playout_fill_s: float = 0.030
    """The field's figure for Python on a Pi is 20 to 30 ms on a 4 or 5, 40 ms on older ones."""

    keep_awake: bool = True

    capture_periods: int = 1
    """How many periods make a microphone's block, 1 or 2: where a packet takes as many it leaves no later,
    and the thread has half as much to do."""


class PcmInput(Protocol):
    """A microphone: 48 kHz mono, signed 16 bit, one block a call, as long as the settings say."""

    @property
    def xruns(self) -> int:
        """How often samples were lost because nobody read in time."""

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the monotonic clock the device runs; None while, or if, that is not known."""

    def read(self) -> bytes:
        """Wait for the next block and return exactly that. Raises AudioDeviceError."""

    def close(self) -> None:
        """Let the device go; never raises."""


class PcmOutput(Protocol):
    """A loudspeaker: 48 kHz mono, signed 16 bit.

    The caller makes a block only after :meth:`wait`, as late as the device allows: what is made earlier is
    older when it is heard.
    """

    @property
    def xruns(self) -> int:
        """How often the device ran dry or a block was lost."""

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the monotonic clock the device runs; None while, or if, that is not known."""

    @property
    def restarts_in_time(self) -> bool:
        """Whether what is written after :meth:`drop` sounds as soon as before: a card's buffer does."""

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Wait until the device wants the next block, or ``interrupt`` is set; keeps the device's pace.

        Raises AudioDeviceError.
        """

    def write(self, block: bytes) -> None:
        """Hand over whole samples, a few milliseconds to LONGEST_BLOCK_S; waits if :meth:`wait` was left out.

        Raises AudioDeviceError.
        """

    def drop(self) -> None:
        """Throw away what was handed over and has not been played. Raises AudioDeviceError."""

    def queued_s(self) -> float:
        """Seconds of sound that were handed over and have not been played."""

    def close(self) -> None:
        """Stop at once and let the device go; never raises."""
