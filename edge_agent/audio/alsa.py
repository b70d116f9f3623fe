"""ALSA sound cards as microphone and loudspeaker, through pyalsaaudio.

Its read and write give an xrun back as ``-EPIPE``: the stream is prepared again, but a write has written
nothing. https://larsimmisch.github.io/pyalsaaudio/libalsaaudio.html
"""

from __future__ import annotations

import errno
import math
import time
from contextlib import suppress

import alsaaudio

from edge_agent.audio.alsa_card import CardShape, PcmHandle, advice, failed, open_handle
from edge_agent.audio.card_clock import CardClock, PaceCheck
from edge_agent.audio.device import DeviceSettings
from edge_agent.audio.device_format import FromDevice, ToDevice
from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.pace import sleep
from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, PERIOD_S
from edge_agent.errors import AudioDeviceError

CAPTURE_PERIODS = 20
"""A capture buffer is emptied as it fills, so its size is no delay: 0.2 s that the process may be held up."""

OLDEST_CAPTURE_S = 0.1
"""What has waited longer for a process that was held up is dropped, as an overrun drops it: a server would
keep the delay, and people would wait for it in every turn."""

DROPS_IN_A_ROW = 20
"""A sound server may hold more than it shows, and shows it once there is room: some seconds in all."""

PLAYBACK_PERIODS = 10
"""Least size of a playback buffer. It is never full, see DeviceSettings: its size is no delay either."""

SHORTEST_WAIT_S = 0.001
"""A device whose position moves in steps is looked at no more often than this."""

STANDSTILL_S = 0.25
"""More than two of the longest periods. A card that plays nothing for so long is left to its driver. Waiting
for room in a full buffer, that one goes on when the card does, tells an error after 10 s, or hangs; but it
does not hold Python's interpreter meanwhile, as pyalsaaudio's drop() and close() do when a sound server
hangs."""

XRUNS_IN_A_ROW = 5
"""An xrun heals with the next call. This many without one good period between them are a broken device."""


class AlsaInput:
    """A sound card's microphone. Raises AudioDeviceError if it can't be used at all.

    The device may have another rate, longer periods or more channels; blocks come out as the interface says.
    """

    def __init__(self, handle: PcmHandle, name: str, block_periods: int = 1) -> None:
        self._shape = CardShape.of(handle, name)
        self._handle = handle
        self._name = name
        self._block_bytes = block_periods * PERIOD_BYTES
        self._converter = FromDevice(self._shape.format)
        self._pending = bytearray()
        self._moved_frames = 0
        self._pace = PaceCheck(name)
        self._clock = CardClock(handle, self._shape)
        self.xruns = 0

    @classmethod
    def open(cls, name: str, settings: DeviceSettings) -> AlsaInput:
        """Open the ALSA PCM ``name`` for capture."""
        at_once = settings.capture_periods
        handle = open_handle(alsaaudio.PCM_CAPTURE, name, CAPTURE_PERIODS // at_once, at_once)
        try:
            return cls(handle, name, at_once)
        except AudioDeviceError:
            handle.close()
            raise

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the monotonic clock the card runs; None until it is known."""
        return self._clock.drift_ppm

    def read(self) -> bytes:
        """Wait for the next block and return it; what is older than OLDEST_CAPTURE_S counts as overrun."""
        while len(self._pending) < self._block_bytes:
            self._drop_old()
            self._pending += self._converter.convert(self._read_device())
        block = bytes(self._pending[: self._block_bytes])
        del self._pending[: self._block_bytes]
        self._pace.count(self._block_bytes / BYTES_PER_S)
        self._clock.block(lambda waiting_frames: self._moved_frames + waiting_frames)
        return block

    def close(self) -> None:
        """Let the card go."""
        with suppress(alsaaudio.ALSAAudioError):  # a device that has gone is closed already
            self._handle.close()

    def _read_device(self) -> bytes:
        for _ in range(XRUNS_IN_A_ROW):
            try:
                frames, data = self._handle.read()
            except alsaaudio.ALSAAudioError as error:
                raise failed(self._name, error) from error
            if frames > 0:
                self._moved_frames += frames
                return data
            self.xruns += 1
        raise AudioDeviceError(f"{self._name}: gives no samples, only overruns; {advice(errno.EIO)}")

    def _drop_old(self) -> None:
        """Drop what waits, all but its end, when its beginning is too old."""
        limit_frames = OLDEST_CAPTURE_S * self._shape.format.rate_hz
        for attempt in range(DROPS_IN_A_ROW):
            waiting_frames = self._handle.avail()
            if waiting_frames <= limit_frames:
                return
            self.xruns += attempt == 0
            self._pending.clear()
            for _ in range(waiting_frames // self._shape.period_frames - 1):
                self._read_device()


class AlsaOutput:
    """A sound card's loudspeaker. Raises AudioDeviceError if it can't be used at all.

    The card's buffer is kept filled to ``playout_fill_s`` of the settings, or two of the card's periods.
    """

    def __init__(self, handle: PcmHandle, name: str, settings: DeviceSettings) -> None:
        self._shape = CardShape.of(handle, name)
        self._handle = handle
        self._name = name
        self._converter = ToDevice(self._shape.format)
        self._fill_frames = self._shape.fill_frames(settings)
        self._is_fresh = True
        self._written_frames = 0
        self._played_frames = 0
        self._moved_at = time.monotonic()
        self._pace = PaceCheck(name)
        self._clock = CardClock(handle, self._shape)
        self.xruns = 0

    @classmethod
    def open(cls, name: str, settings: DeviceSettings) -> AlsaOutput:
        """Open the ALSA PCM ``name`` for playback."""
        fill_periods = math.ceil(settings.playout_fill_s / PERIOD_S)
        handle = open_handle(alsaaudio.PCM_PLAYBACK, name, max(PLAYBACK_PERIODS, fill_periods + 2))
        try:
            return cls(handle, name, settings)
        except AudioDeviceError:
            handle.close()
            raise

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the monotonic clock the card runs; None until it is known."""
        return self._clock.drift_ppm

    @property
    def restarts_in_time(self) -> bool:
        """Whether this is a card. A sound server makes a new stream after a drop, whose sound begins when the
        server next looks: with PulseAudio up to 40 ms earlier or later after the writing than before."""
        return self._shape.is_card

    @property
    def fill_s(self) -> float:
        """How much is kept in the card's buffer, in seconds."""
        return self._fill_frames / self._shape.format.rate_hz

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Sleep until a period is missing from the fill, ``interrupt`` is set or the card stands still."""
        while (excess_frames := self._excess_frames()) > 0:
            sleep(max(SHORTEST_WAIT_S, excess_frames / self._shape.format.rate_hz), interrupt)
            if interrupt is not None and interrupt.is_set():
                return

    def write(self, block: bytes) -> None:
        """Hand over one block when it is due.

        The card starts with the first sample that it gets, so silence follows the first block, and the one
        after a drop, up to the fill; and silence goes before the block that a card which ran dry gets next.
        """
        self.wait()
        data = block_data = self._converter.convert(block)
        if self._is_fresh:
            data = block_data + self._silence_beside(block_data)
        for _ in range(XRUNS_IN_A_ROW):
            if self._write_device(data):
                self._wrote(block)
                return
            self.xruns += 1
            data = self._silence_beside(block_data) + block_data
        raise AudioDeviceError(f"{self._name}: takes no samples, only runs dry; {advice(errno.EIO)}")

    def drop(self) -> None:
        """Throw away what the card has not played."""
        dropped_frames = self._queued_frames()
        try:
            self._handle.drop()
        except alsaaudio.ALSAAudioError as error:
            raise failed(self._name, error) from error
        self._written_frames -= dropped_frames
        self._converter.reset()
        self._is_fresh = True

    def queued_s(self) -> float:
        """How much the card's buffer holds, without what is on the wire to a USB card (1 to 8 ms)."""
        return self._queued_frames() / self._shape.format.rate_hz

    def close(self) -> None:
        """Stop at once and let the card go."""
        # pyalsaaudio's close() plays the buffer to its end first, unless it has been dropped.
        with suppress(alsaaudio.ALSAAudioError):
            self._handle.drop()
        with suppress(alsaaudio.ALSAAudioError):
            self._handle.close()

    def _queued_frames(self) -> int:
        free_frames = self._handle.avail()  # negative: the error code of a card that ran dry or has gone
        if free_frames < 0 or self._is_fresh:
            return 0
        return max(0, self._shape.buffer_frames - free_frames)

    def _excess_frames(self) -> int:
        """By how much there would be too much in the buffer if a period came now; 0 if nothing moves."""
        queued_frames = self._queued_frames()
        excess_frames = queued_frames + self._shape.format.period_frames - self._fill_frames
        played_frames, now = self._written_frames - queued_frames, time.monotonic()
        if excess_frames <= 0 or played_frames != self._played_frames:
            self._played_frames, self._moved_at = played_frames, now
        elif now - self._moved_at > STANDSTILL_S:
            return 0
        return excess_frames

    def _silence_beside(self, data: bytes) -> bytes:
        """What fills the card up together with ``data``."""
        return bytes(max(0, self._fill_frames * self._shape.format.frame_bytes - len(data)))

    def _wrote(self, block: bytes) -> None:
        self._is_fresh = False
        self._pace.count(len(block) / BYTES_PER_S)
        written_frames, buffer_frames = self._written_frames, self._shape.buffer_frames
        self._clock.block(lambda free_frames: written_frames - (buffer_frames - free_frames))

    def _write_device(self, data: bytes) -> bool:
        """Write everything; False if the card ran dry, in which case nothing more of the data was taken."""
        rest = memoryview(data)
        while rest:
            try:
                frames = self._handle.write(rest)
            except alsaaudio.ALSAAudioError as error:
                raise failed(self._name, error) from error
            if frames <= 0:
                return False
            self._written_frames += frames
            rest = rest[frames * self._shape.format.frame_bytes :]
        return True
