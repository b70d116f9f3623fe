"""What capture and playback ask of a sound device, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LONGEST_BLOCK_S = 0.040
"""A block lasts a period, give or take what the playout inserts or leaves out to keep its delay."""


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Settings of the devices themselves.

    ``buffer_periods`` is the size of the loudspeaker's buffer in periods of 10 ms, 2 to 50. It is kept full,
    so it is also the loudspeaker's delay.
    """

    buffer_periods: int = 4
    """40 ms: what stands between a busy machine and a gap; the field's default on a Pi is 3 to 4 x 10 ms."""


class PcmInput(Protocol):
    """A microphone: 48 kHz mono, signed 16 bit, one period a call."""

    @property
    def xruns(self) -> int:
        """How often samples were lost because nobody read in time."""

    def read(self) -> bytes:
        """Wait for the next period and return exactly PERIOD_BYTES. Raises AudioDeviceError."""

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

    def wait(self) -> None:
        """Wait until the device wants the next block; keeps the device's pace. Raises AudioDeviceError."""

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
