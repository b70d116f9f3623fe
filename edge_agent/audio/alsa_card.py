"""One ALSA card, opened: the handle, what the card really does, and its errors in words.

pyalsaaudio ignores what a device refuses while it is set up, so everything is read back, and what the device
has is used: any rate, sample format and number of channels of :mod:`edge_agent.audio.device_format`.
https://larsimmisch.github.io/pyalsaaudio/libalsaaudio.html
"""

from __future__ import annotations

import ctypes
import errno
import functools
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import alsaaudio

from edge_agent.audio.device import DeviceSettings
from edge_agent.audio.device_format import DeviceFormat, candidates, format_of
from edge_agent.errors import AudioDeviceError

logger = logging.getLogger(__name__)

LONGEST_PERIOD_S = 0.1
"""A device with longer periods (some software mixers) would make every answer late; it is refused."""


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


@dataclass(frozen=True, slots=True)
class CardShape:
    """What a device really does, as it says itself."""

    format: DeviceFormat
    period_frames: int
    buffer_frames: int
    is_card: bool = True
    """Whether ALSA plays into a card's own buffer; if not, into a sound server's."""

    @classmethod
    def of(cls, handle: PcmHandle, name: str) -> CardShape:
        """Read a device's settings back. Raises AudioDeviceError if they are not usable."""
        info = handle.info()
        device = _format_in(info)
        if device is None:
            raise AudioDeviceError(f"{name}: got {_told_by(info)}; {advice(errno.EINVAL)}")
        is_card = _whole(info.get("card_no")) >= 0
        shape = cls(device, _whole(info["period_size"]), _whole(info["buffer_size"]), is_card)
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


def open_handle(direction: int, name: str, periods: int, at_once: int = 1) -> PcmHandle:
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
                raise failed(name, error) from error
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
        f"its last answer was: {answer}; {advice(errno.EINVAL)}"
    )


def stamp_times(handle: PcmHandle) -> None:
    """Let a card tell with its position when it was there, if it can."""
    with suppress(alsaaudio.ALSAAudioError):  # a plugin may not know time stamps
        handle.set_tstamp_mode(alsaaudio.PCM_TSTAMP_ENABLE)
        handle.set_tstamp_type(alsaaudio.PCM_TSTAMP_TYPE_MONOTONIC)


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


def advice(code: int | None) -> str:
    """Return what a person can do about an error number."""
    return _ADVICE.get(code or 0, "check its plug, or choose another: edge-agent devices")


def failed(name: str, error: Exception) -> AudioDeviceError:
    """Translate pyalsaaudio's only error, which holds a text alone: ``No such device [name]``."""
    reason = _reason_of(error)
    return AudioDeviceError(f"{name}: {reason}; {advice(_code_of(error))}")


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
