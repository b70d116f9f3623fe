from __future__ import annotations

import pytest

from edge_agent.audio.resample import Resampler
from tests.audio.sounds import PEAK, amplitude, tone


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_its_loudness_and_its_length(rate_hz: int, channels: int) -> None:
    resampler = Resampler(rate_hz, channels)
    source = tone(1000, 0.3, rate_hz=rate_hz, channels=channels)
    chunk_bytes = rate_hz // 50 * 2 * channels
    out = b"".join(resampler.feed(source[at : at + chunk_bytes]) for at in range(0, len(source), chunk_bytes))
    out += resampler.finish()
    assert len(out) // 2 == pytest.approx(0.3 * 48_000, abs=10)
    middle = out[4800 : 4800 + 9600]
    assert amplitude(middle, 1000) == pytest.approx(PEAK, rel=0.05)


def test_a_frame_that_was_cut_in_half_is_dropped() -> None:
    resampler = Resampler(48_000, 2)
    assert len(resampler.feed(b"\1\0\1\0" * 100 + b"\1\0\1")) == 200
    assert resampler.feed(b"\1\0") == b""
