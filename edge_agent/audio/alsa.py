"""ALSA sound cards through pyalsaaudio; the only file that imports it.

pyalsaaudio ignores what a device refuses while it is set up, so everything is read back and compared. Its
read and write give an xrun back as ``-EPIPE``: the stream is prepared again, but a write has written nothing.
https://larsimmisch.github.io/pyalsaaudio/libalsaaudio.html
"""

from __future__ import annotations

import ctypes
import errno
import functools
import logging
import os
import time
from array import array
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import alsaaudio

from edge_agent.audio.device import DeviceSettings
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, PERIOD_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE_HZ, SILENCE
from edge_agent.errors import AudioDeviceError

logger = logging.getLogger(__name__)

CHANNEL_CHOICES: Final = (1, 2)
"""Mono first; a device that only takes stereo is fed the same on both sides and heard on the left."""

CAPTURE_PERIODS = 20
"""A capture buffer is emptied as it fills, so its size is no delay: 0.2 s that the process may be held up."""

LONGEST_PERIOD_S = 0.1
"""A device with longer periods (some software mixers) would make every answer late; it is refused."""

XRUNS_IN_A_ROW = 5
"""An xrun heals with the next call. This many without one good period between them are a broken device."""

PACE_CHECK_PERIODS = 500
FASTEST_PACE = 2.0
"""A card that moves PACE_CHECK_PERIODS this many times faster than real time has no clock (ALSA's ``null``, a
broken driver): without this check it would take a whole processor."""


class PcmHandle(Protocol):
    """What is used of ``alsaaudio.PCM``."""

    def info(self) -> dict[str, object]: ...
    def read(self) -> tuple[int, bytes]: ...
    def write(self, data: bytes | memoryview) -> int: ...
    def avail(self) -> int: ...
    def drop(self) -> int: ...
    def close(self) -> None: ...


class AlsaInput:
    """A sound card's microphone. Raises AudioDeviceError if it can't be opened as asked.

    The device may have longer periods or two channels; blocks come out as the interface says.
    """

    def __init__(self, handle: PcmHandle, name: str) -> None:
        self._shape = _Shape.of(handle, name)
        self._handle = handle
        self._name = name
        self._pending = bytearray()
        self._pace = _PaceCheck(name)
        self.xruns = 0

    @classmethod
    def open(cls, name: str, settings: DeviceSettings) -> AlsaInput:
        """Open the ALSA PCM ``name`` for capture."""
        periods = max(CAPTURE_PERIODS, settings.buffer_periods)
        handle = _open_handle(alsaaudio.PCM_CAPTURE, name, periods)
        try:
            return cls(handle, name)
        except AudioDeviceError:
            handle.close()
            raise

    def read(self) -> bytes:
        """Wait for the next period and return it."""
        while len(self._pending) < PERIOD_BYTES:
            self._pending += self._read_device()
        block = bytes(self._pending[:PERIOD_BYTES])
        del self._pending[:PERIOD_BYTES]
        self._pace.count()
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
                raise _failed(self._name, error) from error
            if frames > 0:
                return data if self._shape.channels == 1 else left_of(data)
            self.xruns += 1
        raise AudioDeviceError(f"{self._name}: gives no samples, only overruns; {_advice(errno.EIO)}")


class AlsaOutput:
    """A sound card's loudspeaker. Raises AudioDeviceError if it can't be opened as asked."""

    def __init__(self, handle: PcmHandle, name: str) -> None:
        self._shape = _Shape.of(handle, name)
        self._handle = handle
        self._name = name
        self._is_fresh = True
        self._pace = _PaceCheck(name)
        self.xruns = 0

    @classmethod
    def open(cls, name: str, settings: DeviceSettings) -> AlsaOutput:
        """Open the ALSA PCM ``name`` for playback."""
        handle = _open_handle(alsaaudio.PCM_PLAYBACK, name, settings.buffer_periods)
        try:
            return cls(handle, name)
        except AudioDeviceError:
            handle.close()
            raise

    def wait(self) -> None:
        """Sleep until there is room for a period."""
        excess_s = self.queued_s() + PERIOD_S - self._shape.buffer_frames / SAMPLE_RATE_HZ
        if excess_s > 0:
            time.sleep(excess_s)

    def write(self, block: bytes) -> None:
        """Hand over one block; waits while the card's buffer is full.

        The card starts with the first sample that it gets, so the first write brings a period of silence
        with it: otherwise it would run dry before the second one.
        """
        block = block + SILENCE if self._is_fresh else block
        for _ in range(XRUNS_IN_A_ROW):
            if self._write_device(block):
                self._is_fresh = False
                self._pace.count()
                return
            self.xruns += 1
            if len(block) == PERIOD_BYTES:
                block = SILENCE + block
        raise AudioDeviceError(f"{self._name}: takes no samples, only runs dry; {_advice(errno.EIO)}")

    def drop(self) -> None:
        """Throw away what the card has not played."""
        try:
            self._handle.drop()
        except alsaaudio.ALSAAudioError as error:
            raise _failed(self._name, error) from error
        self._is_fresh = True

    def queued_s(self) -> float:
        """How much the card's buffer holds, without what is on the wire to a USB card (1 to 8 ms)."""
        free_frames = self._handle.avail()  # negative: the error code of a card that ran dry or has gone
        if free_frames < 0 or self._is_fresh:
            return 0.0
        return max(0, self._shape.buffer_frames - free_frames) / SAMPLE_RATE_HZ

    def close(self) -> None:
        """Stop at once and let the card go."""
        # pyalsaaudio's close() plays the buffer to its end first, unless it has been dropped.
        with suppress(alsaaudio.ALSAAudioError):
            self._handle.drop()
        with suppress(alsaaudio.ALSAAudioError):
            self._handle.close()

    def _write_device(self, block: bytes) -> bool:
        """Write everything; False if the card ran dry, in which case nothing more of the block was taken."""
        data = memoryview(block if self._shape.channels == 1 else on_both_sides(block))
        frame_bytes = SAMPLE_BYTES * self._shape.channels
        while data:
            try:
                frames = self._handle.write(data)
            except alsaaudio.ALSAAudioError as error:
                raise _failed(self._name, error) from error
            if frames <= 0:
                return False
            data = data[frames * frame_bytes :]
        return True


def left_of(stereo: bytes) -> bytes:
    """Return the left channel.

    A single I2S microphone sits there by convention; the mean of it and an empty channel is half as loud.
    """
    return array("h", stereo)[::2].tobytes()


def on_both_sides(mono: bytes) -> bytes:
    """Return stereo with the same samples left and right."""
    samples = array("h", mono)
    stereo = array("h", bytes(2 * len(mono)))
    stereo[::2] = samples
    stereo[1::2] = samples
    return stereo.tobytes()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a device really does, as it says itself."""

    channels: int
    period_frames: int
    buffer_frames: int

    @classmethod
    def of(cls, handle: PcmHandle, name: str) -> _Shape:
        """Read a device's settings back. Raises AudioDeviceError if they are not usable."""
        info = handle.info()
        rate_hz, channels, encoding = info["rate"], info["channels"], info["format_name"]
        if (rate_hz, encoding) != (SAMPLE_RATE_HZ, "S16_LE") or channels not in CHANNEL_CHOICES:
            raise AudioDeviceError(
                f"{name}: expected {SAMPLE_RATE_HZ} Hz, S16_LE, 1 or 2 channels, "
                f"got {rate_hz} Hz, {encoding}, {channels} channels; {_advice(errno.EINVAL)}"
            )
        shape = cls(_whole(channels), _whole(info["period_size"]), _whole(info["buffer_size"]))
        if not 0 < shape.period_frames <= LONGEST_PERIOD_S * SAMPLE_RATE_HZ:
            raise AudioDeviceError(
                f"{name}: expected periods of up to {LONGEST_PERIOD_S * 1000:.0f} ms, "
                f"got {shape.period_frames} samples; name the card itself, see: edge-agent devices"
            )
        if shape.period_frames != PERIOD_SAMPLES:
            logger.info("%s: periods of %d samples instead of %d", name, shape.period_frames, PERIOD_SAMPLES)
        return shape


class _PaceCheck:
    """Notices a device without a clock."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._periods = 0
        self._since_s = time.monotonic()

    def count(self) -> None:
        """Count one period. Raises AudioDeviceError if the last PACE_CHECK_PERIODS were much too fast."""
        self._periods += 1
        if self._periods < PACE_CHECK_PERIODS:
            return
        now = time.monotonic()
        elapsed_s = now - self._since_s
        self._periods, self._since_s = 0, now
        if elapsed_s * FASTEST_PACE < PACE_CHECK_PERIODS * PERIOD_S:
            raise AudioDeviceError(
                f"{self._name}: expected a device that keeps real time, got "
                f"{PACE_CHECK_PERIODS * PERIOD_S:.0f} s of sound in {elapsed_s:.2f} s; "
                "name a sound card, see: edge-agent devices"
            )


def _open_handle(direction: int, name: str, periods: int) -> PcmHandle:
    """Open a device with the first channel count that it takes; what it took is still to be compared."""
    _silence_alsa_lib()
    for channels in CHANNEL_CHOICES:
        try:
            handle: PcmHandle = alsaaudio.PCM(
                type=direction,
                device=name,
                rate=SAMPLE_RATE_HZ,
                channels=channels,
                format=alsaaudio.PCM_FORMAT_S16_LE,
                periodsize=PERIOD_SAMPLES,
                periods=periods,
            )
        except alsaaudio.ALSAAudioError as error:
            raise _failed(name, error) from error
        if handle.info()["channels"] == channels:
            break
        if channels != CHANNEL_CHOICES[-1]:
            handle.close()
    return handle


_ADVICE = {
    errno.ENOENT: "no PCM or card has this name; the names: edge-agent devices",
    errno.ENODEV: "plug it in, or choose another: edge-agent devices",
    errno.EBUSY: "another program uses it; end that, or choose a shared device such as default",
    errno.EACCES: "add the user to the group audio",
    errno.EPERM: "add the user to the group audio",
    errno.EINVAL: "let ALSA convert: use plughw: instead of hw:",
    errno.ECONNREFUSED: "the sound server does not answer; start it, or name a card: edge-agent devices",
}


def _advice(code: int | None) -> str:
    return _ADVICE.get(code or 0, "check its plug, or choose another: edge-agent devices")


def _failed(name: str, error: Exception) -> AudioDeviceError:
    """Translate pyalsaaudio's only error, which holds a text alone: ``No such device [name]``."""
    reason = str(error).partition(" [")[0]
    code = next((code for code in _ADVICE if os.strerror(code) == reason), None)
    return AudioDeviceError(f"{name}: {reason}; {_advice(code)}")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


@functools.cache
def _silence_alsa_lib() -> None:
    """Keep alsa-lib from printing.

    It prints several lines to stderr for each attempt to open a missing device, which would be all that the
    journal holds after a night without a microphone. Our errors say the same in one line.

    The handler is C code that does nothing, and must not be Python: alsa-lib calls it with its own lock held,
    Python would let the other sound thread run, and that one waits for alsa-lib's lock without letting go of
    the interpreter. A function without arguments may be called with any by the calling conventions of Linux.
    https://www.alsa-project.org/alsa-doc/alsa-lib/group___error.html
    """
    library = ctypes.CDLL("libasound.so.2")
    does_nothing = ctypes.cast(library.snd_asoundlib_version, ctypes.c_void_p)
    library.snd_lib_error_set_handler(does_nothing)
