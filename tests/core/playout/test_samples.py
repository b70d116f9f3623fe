from __future__ import annotations

from array import array

import pytest

from edge_agent.core.pcm import SILENCE
from edge_agent.core.playout.samples import AUDIBLE_PEAK, is_audible, peak
from tests.audio.sounds import tone


def test_the_peak_of_a_tone_is_its_amplitude() -> None:
    assert peak(tone(440, 0.01, peak=12_000)) == pytest.approx(12_000, rel=0.02)


def test_the_lowest_sample_counts_as_full_scale() -> None:
    assert peak(array("h", [-32768] * 480).tobytes()) == 32_768


def test_silence_and_nothing_have_no_peak() -> None:
    assert peak(SILENCE) == peak(b"") == 0


def test_a_voice_is_audible_and_a_codecs_noise_is_not() -> None:
    assert is_audible(tone(440, 0.01, peak=3000))
    assert not is_audible(tone(440, 0.01, peak=AUDIBLE_PEAK))
