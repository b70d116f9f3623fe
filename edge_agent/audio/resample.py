"""One rate and channel count to another, by FFmpeg's swresample.

The only file here that imports PyAV: https://pyav.basswood-io.com/docs/stable/api/audio.html
"""

from __future__ import annotations

from typing import Literal

import av
from av.audio.resampler import AudioResampler

from edge_agent.core.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ

LAYOUTS: dict[int, Literal["mono", "stereo"]] = {1: "mono", 2: "stereo"}


class Resampler:
    """A stream of signed 16 bit samples to mono of another rate, 48 kHz by default; stereo is averaged.

    swresample keeps about a millisecond back, which :meth:`finish` gives out.
    """

    def __init__(self, rate_hz: int, channels: int, to_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._rate_hz = rate_hz
        self._layout = LAYOUTS[channels]
        self._frame_bytes = SAMPLE_BYTES * channels
        self._resampler = AudioResampler(format="s16", layout="mono", rate=to_rate_hz)

    def feed(self, pcm: bytes) -> bytes:
        """Convert interleaved frames; half a frame at the end is dropped."""
        samples = len(pcm) // self._frame_bytes
        if not samples:
            return b""
        frame = av.AudioFrame(format="s16", layout=self._layout, samples=samples)
        frame.sample_rate = self._rate_hz
        plane = frame.planes[0]
        plane.update(pcm[: samples * self._frame_bytes].ljust(plane.buffer_size, b"\0"))
        return self._bytes_of(self._resampler.resample(frame))

    def finish(self) -> bytes:
        """Return what was kept back; nothing can be fed after this."""
        return self._bytes_of(self._resampler.resample(None))

    @staticmethod
    def _bytes_of(frames: list[av.AudioFrame]) -> bytes:
        return b"".join(bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES] for frame in frames)
