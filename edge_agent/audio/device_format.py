"""The sample formats of sound cards: which of them are usable, and how blocks get into and out of them.

Inside, sound is 48 kHz mono s16 whatever the card does; the conversion happens here, at the card's edge.
Knows no device. What pyalsaaudio calls them: https://larsimmisch.github.io/pyalsaaudio/libalsaaudio.html
"""

from __future__ import annotations

import audioop
import enum
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge_agent.audio.resample import Resampler
from edge_agent.core.pcm import PERIOD_S, SAMPLE_BYTES, SAMPLE_RATE_HZ


class Encoding(enum.Enum):
    """One sample, by ALSA's name for it: little endian and signed, as every card on a Raspberry Pi has it."""

    S16_LE = (2, 2)
    S24_3LE = (3, 3)
    S32_LE = (4, 4)
    S24_LE = (4, 3)

    def __init__(self, sample_bytes: int, used_bytes: int) -> None:
        self.sample_bytes = sample_bytes
        self.used_bytes = used_bytes
        """The lowest ones; what stands in the one above them does not count."""


RATE_CHOICES: Final = (SAMPLE_RATE_HZ, 44_100, 16_000, 96_000, 32_000, 24_000, 22_050, 8_000)
"""In the order in which they are asked for: the best sound for the least work first."""

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
MOST_CHANNELS = 32
"""A studio's audio interface has 18; what takes more than this is not a card but ALSA's ``null``."""


@dataclass(frozen=True, slots=True)
class DeviceFormat:
    """What one device speaks."""

    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1
    encoding: Encoding = Encoding.S16_LE

    @property
    def frame_bytes(self) -> int:
        """One sample of every channel."""
        return self.encoding.sample_bytes * self.channels

    @property
    def period_frames(self) -> int:
        """How many frames one period inside is on this device; a fraction is dropped."""
        return round(self.rate_hz * PERIOD_S)

    def __str__(self) -> str:
        """For example ``44100 Hz, S24_3LE, 2 channels``."""
        plural = "" if self.channels == 1 else "s"
        return f"{self.rate_hz} Hz, {self.encoding.name}, {self.channels} channel{plural}"


def candidates() -> Iterator[DeviceFormat]:
    """Yield what a device is to be asked for, the best first.

    Most devices answer the first question with something usable of their own, so the list is rarely needed.
    """
    for rate_hz in RATE_CHOICES:
        yield DeviceFormat(rate_hz)
        for encoding in Encoding:
            yield DeviceFormat(rate_hz, 2, encoding)


def format_of(rate_hz: object, channels: object, encoding: object) -> DeviceFormat | None:
    """Return what a device says of itself as a format; None if nothing here can speak it."""
    is_known = isinstance(encoding, str) and encoding in Encoding.__members__
    if not isinstance(rate_hz, int) or not isinstance(channels, int) or not is_known:
        return None
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ or not 1 <= channels <= MOST_CHANNELS:
        return None
    return DeviceFormat(rate_hz, channels, Encoding[str(encoding)])


class FromDevice:
    """What a microphone gives, as 48 kHz mono s16.

    Of several channels the first one is heard. A single I2S microphone sits there by convention; the mean of
    it and an empty channel would be half as loud.
    """

    def __init__(self, device: DeviceFormat) -> None:
        self._device = device
        is_native = device.rate_hz == SAMPLE_RATE_HZ
        self._resampler = None if is_native else Resampler(device.rate_hz, 1)

    def convert(self, data: bytes) -> bytes:
        """Convert whole frames; a resampler keeps a millisecond of them back."""
        mono = first_of(_to_s16(data, self._device.encoding), self._device.channels)
        return mono if self._resampler is None else self._resampler.feed(mono)


class ToDevice:
    """48 kHz mono s16 as a loudspeaker takes it: the first two channels play the same, others nothing."""

    def __init__(self, device: DeviceFormat) -> None:
        self._device = device
        self._resampler = self._new_resampler()

    def convert(self, block: bytes) -> bytes:
        """Convert whole samples; a resampler keeps a millisecond of them back."""
        mono = block if self._resampler is None else self._resampler.feed(block)
        return _from_s16(on_two_of(mono, self._device.channels), self._device.encoding)

    def reset(self) -> None:
        """Forget what was kept back: it belongs to a sound that was dropped."""
        self._resampler = self._new_resampler()

    def _new_resampler(self) -> Resampler | None:
        rate_hz = self._device.rate_hz
        return None if rate_hz == SAMPLE_RATE_HZ else Resampler(SAMPLE_RATE_HZ, 1, rate_hz)


def first_of(frames: bytes, channels: int) -> bytes:
    """Return the first channel of interleaved s16 frames."""
    return frames if channels == 1 else array("h", frames)[::channels].tobytes()


def on_two_of(mono: bytes, channels: int) -> bytes:
    """Return interleaved s16 frames with the same samples in the first two channels, zeros in the others."""
    if channels <= 2:
        return mono if channels == 1 else audioop.tostereo(mono, SAMPLE_BYTES, 1, 1)
    samples = array("h", mono)
    frames = array("h", bytes(channels * len(mono)))
    frames[::channels] = frames[1::channels] = samples
    return frames.tobytes()


def _to_s16(data: bytes, encoding: Encoding) -> bytes:
    if encoding is Encoding.S16_LE:
        return data
    if encoding.used_bytes == encoding.sample_bytes:
        return audioop.lin2lin(data, encoding.sample_bytes, SAMPLE_BYTES)
    # S24_LE: the two upper ones of its three bytes, whatever stands in the fourth.
    samples = bytearray(len(data) // 2)
    samples[::2], samples[1::2] = data[1::4], data[2::4]
    return bytes(samples)


def _from_s16(samples: bytes, encoding: Encoding) -> bytes:
    if encoding is Encoding.S16_LE:
        return samples
    data = audioop.lin2lin(samples, SAMPLE_BYTES, encoding.sample_bytes)
    unused_bits = 8 * (encoding.sample_bytes - encoding.used_bytes)
    return audioop.mul(data, encoding.sample_bytes, 2.0**-unused_bits) if unused_bits else data
