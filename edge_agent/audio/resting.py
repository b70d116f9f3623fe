"""A loudspeaker whose device is closed while there is nothing to hear, so that its amplifier can sleep."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.audio.device import PcmOutput
from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.pace import Pacer
from edge_agent.core.pcm import BYTES_PER_S, SILENCE
from edge_agent.core.playout.samples import peak

REST_AFTER_S = 5.0
"""So much silence sends the device to rest, as in snapclient: longer than the pauses within an answer."""

QUIET_PEAK = 16
"""What peaks at this or below, -66 dBFS, is silence: what codecs make of it, and no voice's beginning."""


class RestingOutput:
    """Made of ``open_device``, which is called now, and again for the first sound after each rest.

    While the device rests, blocks of silence keep the pace of the monotonic clock. It is filled with silence
    before that first sound, as at every opening, so nothing of the sound is lost; an amplifier has the length
    of that fill to wake up. A device that can't be opened raises AudioDeviceError, at rest only then.
    """

    def __init__(self, open_device: Callable[[], PcmOutput]) -> None:
        self._open_device = open_device
        self._device: PcmOutput | None = open_device()
        self._pacer = Pacer()
        self._silent_bytes = 0
        self._former_xruns = 0

    @property
    def is_resting(self) -> bool:
        """Whether the device is closed."""
        return self._device is None

    @property
    def xruns(self) -> int:
        """How often the device ran dry, before and after its rests."""
        return self._former_xruns + (self._device.xruns if self._device is not None else 0)

    @property
    def drift_ppm(self) -> float | None:
        """The device's drift since it was opened last."""
        return self._device.drift_ppm if self._device is not None else None

    @property
    def restarts_in_time(self) -> bool:
        """Whether the device does; one at rest has nothing to drop."""
        return self._device is None or self._device.restarts_in_time

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Wait until the device wants the next block, or the clock does, or ``interrupt`` is set."""
        if self._device is not None:
            self._device.wait(interrupt)
        else:
            self._pacer.wait(interrupt)

    def write(self, block: bytes) -> None:
        """Hand over a block; silence of a device at rest is only waited for."""
        is_quiet = block is SILENCE or peak(block) <= QUIET_PEAK
        self._silent_bytes = self._silent_bytes + len(block) if is_quiet else 0
        if self._device is None and not is_quiet:
            self._device = self._open_device()
            self._device.write(SILENCE)
        if self._device is not None:
            self._device.write(block)
            if self._silent_bytes >= REST_AFTER_S * BYTES_PER_S:
                self._rest(self._device)
        else:
            self._pacer.wait()
            self._pacer.move(len(block) / BYTES_PER_S)

    def drop(self) -> None:
        """Throw away what has not been played."""
        if self._device is not None:
            self._device.drop()

    def queued_s(self) -> float:
        """How much has not been played; 0.0 at rest."""
        return self._device.queued_s() if self._device is not None else 0.0

    def close(self) -> None:
        """Stop at once and let the device go."""
        if self._device is not None:
            self._device.close()

    def _rest(self, device: PcmOutput) -> None:
        self._former_xruns += device.xruns
        device.close()
        self._device = None
