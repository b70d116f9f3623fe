"""ALSA sound cards through pyalsaaudio, which only this file and ``mixer`` import.

pyalsaaudio ignores what a device refuses while it is set up, so everything is read back, and what the device
has is used: any rate, sample format and number of channels of :mod:`edge_agent.audio.device_format`. Its read
and write give an xrun back as ``-EPIPE``: the stream is prepared again, but a write has written nothing.
https://larsimmisch.github.io/pyalsaaudio/libalsaaudio.html
"""

from __future__ import annotations

import ctypes
import errno
import functools
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import alsaaudio

from edge_agent.audio.device import DeviceSettings
from edge_agent.audio.device_format import DeviceFormat, FromDevice, ToDevice, candidates, format_of
from edge_agent.audio.pace import sleep
from edge_agent.core.drift import ClockDrift
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S
from edge_agent.errors import AudioDeviceError

logger = logging.getLogger(__name__)

CAPTURE_PERIODS = 20
"""A capture buffer is emptied as it fills, so its size is no delay: 0.2 s that the process may be held up."""

OLDEST_CAPTURE_S = 0.1
"""What has waited longer for a process that was held up is dropped, as an overrun drops it: a server would
keep the delay, and people would wait for it in every turn."""

DROPS_IN_A_ROW = 20
"""A sound server may hold more than it shows, and shows it once there is room: some seconds in all."""

PLAYBACK_PERIODS = 10
"""Least size of a playback buffer. It is never full, see DeviceSettings: its size is no delay either."""

LONGEST_PERIOD_S = 0.1
"""A device with longer periods (some software mixers) would make every answer late; it is refused."""

SHORTEST_WAIT_S = 0.001
"""A device whose position moves in steps is looked at no more often than this."""

STANDSTILL_S = 0.25
"""More than two of the longest periods. A card that plays nothing for so long is left to its driver. Waiting
for room in a full buffer, that one goes on when the card does, tells an error after 10 s, or hangs; but it
does not hold Python's interpreter meanwhile, as pyalsaaudio's drop() and close() do when a sound server
hangs."""

XRUNS_IN_A_ROW = 5
"""An xrun heals with the next call. This many without one good period between them are a broken device."""

PACE_CHECK_PERIODS = 500
FASTEST_PACE = 2.0
"""A card that moves PACE_CHECK_PERIODS this many times faster than real time has no clock (ALSA's ``null``, a
broken driver): without this check it would take a whole processor."""

DRIFT_PERIODS = 10
"""How often the device's clock is read: ten times a second is plenty for a measurement that takes minutes."""

TIMESTAMP_LIMIT_S = 0.5
"""A device's own time stamp that is farther away from now is none."""


class PcmHandle(Protocol):
    """What is used of ``alsaaudio.PCM``."""

    def info(self) -> dict[str, object]: ...
    def read(self) -> tuple[int, bytes]: ...
    def write(self, data: bytes | memoryview) -> int: ...
    def avail(self) -> int: ...
    def htimestamp(self) -> tuple[int, int, int]: ...
    def set_tstamp_mode(self, mode: int) -> None: ...
    def set_tstamp_type(self, type: int) -> None: ...
    def drop(self) -> int: ...
    def close(self) -> None: ...


class AlsaInput:
    """A sound card's microphone. Raises AudioDeviceError if it can't be used at all.

    The device may have another rate, longer periods or more channels; blocks come out as the interface says.
    """

    def __init__(self, handle: PcmHandle, name: str) -> None:
        self._shape = _Shape.of(handle, name)
        self._handle = handle
        self._name = name
        self._converter = FromDevice(self._shape.format)
        self._pending = bytearray()
        self._moved_frames = 0
        self._pace = _PaceCheck(name)
        self._clock = _CardClock(handle, self._shape)
        self.xruns = 0

    @classmethod
    def open(cls, name: str, settings: DeviceSettings) -> AlsaInput:
        """Open the ALSA PCM ``name`` for capture."""
        at_once = settings.capture_periods
        handle = _open_handle(alsaaudio.PCM_CAPTURE, name, CAPTURE_PERIODS // at_once, at_once)
        try:
            return cls(handle, name)
        except AudioDeviceError:
            handle.close()
            raise

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the monotonic clock the card runs; None until it is known."""
        return self._clock.drift_ppm

    def read(self) -> bytes:
        """Wait for the next period and return it; what is older than OLDEST_CAPTURE_S counts as overrun."""
        while len(self._pending) < PERIOD_BYTES:
            self._drop_old()
            self._pending += self._converter.convert(self._read_device())
        block = bytes(self._pending[:PERIOD_BYTES])
        del self._pending[:PERIOD_BYTES]
        self._pace.count()
        self._clock.period(lambda waiting_frames: self._moved_frames + waiting_frames)
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
                self._moved_frames += frames
                return data
            self.xruns += 1
        raise AudioDeviceError(f"{self._name}: gives no samples, only overruns; {_advice(errno.EIO)}")

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
        self._shape = _Shape.of(handle, name)
        self._handle = handle
        self._name = name
        self._converter = ToDevice(self._shape.format)
        self._fill_frames = self._shape.fill_frames(settings)
        self._is_fresh = True
        self._written_frames = 0
        self._played_frames = 0
        self._moved_at = time.monotonic()
        self._pace = _PaceCheck(name)
        self._clock = _CardClock(handle, self._shape)
        self.xruns = 0

    @classmethod
    def open(cls, name: str, settings: DeviceSettings) -> AlsaOutput:
        """Open the ALSA PCM ``name`` for playback."""
        fill_periods = math.ceil(settings.playout_fill_s / PERIOD_S)
        handle = _open_handle(alsaaudio.PCM_PLAYBACK, name, max(PLAYBACK_PERIODS, fill_periods + 2))
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
    def fill_s(self) -> float:
        """How much is kept in the card's buffer, in seconds."""
        return self._fill_frames / self._shape.format.rate_hz

    def wait(self, interrupt: threading.Event | None = None) -> None:
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
                self._wrote()
                return
            self.xruns += 1
            data = self._silence_beside(block_data) + block_data
        raise AudioDeviceError(f"{self._name}: takes no samples, only runs dry; {_advice(errno.EIO)}")

    def drop(self) -> None:
        """Throw away what the card has not played."""
        dropped_frames = self._queued_frames()
        try:
            self._handle.drop()
        except alsaaudio.ALSAAudioError as error:
            raise _failed(self._name, error) from error
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

    def _wrote(self) -> None:
        self._is_fresh = False
        self._pace.count()
        written_frames, buffer_frames = self._written_frames, self._shape.buffer_frames
        self._clock.period(lambda free_frames: written_frames - (buffer_frames - free_frames))

    def _write_device(self, data: bytes) -> bool:
        """Write everything; False if the card ran dry, in which case nothing more of the data was taken."""
        rest = memoryview(data)
        while rest:
            try:
                frames = self._handle.write(rest)
            except alsaaudio.ALSAAudioError as error:
                raise _failed(self._name, error) from error
            if frames <= 0:
                return False
            self._written_frames += frames
            rest = rest[frames * self._shape.format.frame_bytes :]
        return True


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a device really does, as it says itself."""

    format: DeviceFormat
    period_frames: int
    buffer_frames: int

    @classmethod
    def of(cls, handle: PcmHandle, name: str) -> _Shape:
        """Read a device's settings back. Raises AudioDeviceError if they are not usable."""
        info = handle.info()
        device = _format_in(info)
        if device is None:
            raise AudioDeviceError(f"{name}: got {_told_by(info)}; {_advice(errno.EINVAL)}")
        shape = cls(device, _whole(info["period_size"]), _whole(info["buffer_size"]))
        if not 0 < shape.period_frames <= LONGEST_PERIOD_S * device.rate_hz:
            raise AudioDeviceError(
                f"{name}: expected periods of up to {LONGEST_PERIOD_S * 1000:.0f} ms, "
                f"got {shape.period_frames} samples; name the card itself, see: edge-agent devices"
            )
        if device != DeviceFormat() or shape.period_frames % device.period_frames:
            _note(f"{name}: {device}, periods of {shape.period_frames} frames")
        return shape

    def fill_frames(self, settings: DeviceSettings) -> int:
        """How much to keep in the buffer: two periods at least, or the card runs dry between two writes."""
        wanted_frames = round(settings.playout_fill_s * self.format.rate_hz)
        least_frames = 2 * max(self.period_frames, self.format.period_frames)
        return min(self.buffer_frames, max(wanted_frames, least_frames))


class _CardClock:
    """Measures how fast a card runs. Where the card stamps its position with the time, that is used."""

    def __init__(self, handle: PcmHandle, shape: _Shape) -> None:
        self._handle = handle
        self._shape = shape
        self._drift = ClockDrift()
        self._periods = 0
        self.drift_ppm: float | None = None
        with suppress(alsaaudio.ALSAAudioError):  # a plugin may not know time stamps
            handle.set_tstamp_mode(alsaaudio.PCM_TSTAMP_ENABLE)
            handle.set_tstamp_type(alsaaudio.PCM_TSTAMP_TYPE_MONOTONIC)

    def period(self, moved_frames: Callable[[int], int]) -> None:
        """A period has been moved; ``moved_frames`` makes the card's position of what ``avail`` says."""
        self._periods += 1
        if self._periods < DRIFT_PERIODS:
            return
        self._periods = 0
        avail_frames, at_s = self._look()
        if 0 <= avail_frames <= self._shape.buffer_frames:
            self._drift.update(moved_frames(avail_frames) / self._shape.format.rate_hz, at_s)
            self.drift_ppm = self._drift.ppm

    def _look(self) -> tuple[int, float]:
        seconds, nanoseconds, avail_frames = self._handle.htimestamp()
        at_s, now = seconds + nanoseconds * 1e-9, time.monotonic()
        # pyalsaaudio does not look at the result of the call: after an error the three are anything.
        if abs(now - at_s) < TIMESTAMP_LIMIT_S and 0 <= avail_frames <= self._shape.buffer_frames:
            return avail_frames, at_s
        return self._handle.avail(), now


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


def _open_handle(direction: int, name: str, periods: int, at_once: int = 1) -> PcmHandle:
    """Open a device with the first format that it takes, or that it has to offer instead.

    Raises AudioDeviceError if it can't be opened, or speaks nothing that is understood here.
    """
    silence_alsa_lib()
    answer = ""
    for wanted in candidates():
        try:
            handle = _handle_with(wanted, direction, name, periods, at_once)
        except alsaaudio.ALSAAudioError as error:
            if _code_of(error) != errno.EINVAL:
                raise _failed(name, error) from error
            answer = os.strerror(errno.EINVAL)
            continue
        info = handle.info()
        if _format_in(info) is not None:
            return handle
        answer = _told_by(info)
        handle.close()
    tried = [str(wanted) for wanted in candidates()]
    raise AudioDeviceError(
        f"{name}: takes none of {len(tried)} formats, from {tried[0]} to {tried[-1]}; "
        f"its last answer was: {answer}; {_advice(errno.EINVAL)}"
    )


def _handle_with(wanted: DeviceFormat, direction: int, name: str, periods: int, at_once: int) -> PcmHandle:
    handle: PcmHandle = alsaaudio.PCM(
        type=direction,
        device=name,
        rate=wanted.rate_hz,
        channels=wanted.channels,
        format=getattr(alsaaudio, f"PCM_FORMAT_{wanted.encoding.name}"),
        periodsize=wanted.period_frames * at_once,
        periods=periods,
    )
    return handle


def _format_in(info: dict[str, object]) -> DeviceFormat | None:
    return format_of(info["rate"], info["channels"], info["format_name"])


def _told_by(info: dict[str, object]) -> str:
    return f"{info['rate']} Hz, {info['format_name']}, {info['channels']} channels"


@functools.lru_cache(maxsize=8)
def _note(text: str) -> None:
    """Log what is true of a device once, however often it is opened."""
    logger.info("%s", text)


_ADVICE = {
    errno.ENOENT: "no PCM or card has this name; the names: edge-agent devices",
    errno.ENODEV: "plug it in, or choose another: edge-agent devices",
    errno.EBUSY: "another program uses it; end that, or choose a shared device such as default",
    errno.EACCES: "add the user to the group audio",
    errno.EPERM: "add the user to the group audio",
    errno.EINVAL: "let ALSA convert: use plughw: instead of hw:, or name another: edge-agent devices",
    errno.ECONNREFUSED: "the sound server does not answer; start it, or name a card: edge-agent devices",
}


def _advice(code: int | None) -> str:
    return _ADVICE.get(code or 0, "check its plug, or choose another: edge-agent devices")


def _failed(name: str, error: Exception) -> AudioDeviceError:
    """Translate pyalsaaudio's only error, which holds a text alone: ``No such device [name]``."""
    reason = _reason_of(error)
    return AudioDeviceError(f"{name}: {reason}; {_advice(_code_of(error))}")


def _code_of(error: Exception) -> int | None:
    reason = _reason_of(error)
    return next((code for code in _ADVICE if os.strerror(code) == reason), None)


def _reason_of(error: Exception) -> str:
    return str(error).partition(" [")[0]


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


@functools.cache
def silence_alsa_lib() -> None:
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
