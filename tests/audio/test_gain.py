from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.audio.gain import CEILING, PIECE_SAMPLES, Gain
from edge_agent.core.pcm import FADE_SAMPLES, PERIOD_BYTES, SILENCE
from edge_agent.core.playout.samples import peak
from tests.audio.sounds import amplitude, blocks_of, tone

TONE = tone(800, 0.5, peak=8000)  # 800 Hz: every period is the same
BLOCKS = blocks_of(TONE)


def steps_of(pcm: bytes) -> int:
    """The greatest difference between two samples that follow each other."""
    samples = array("h", pcm)
    return max(abs(after - before) for before, after in pairwise(samples))


def test_nothing_is_done_where_nothing_is_to_be_done() -> None:
    gain = Gain()
    assert gain.apply(BLOCKS[0]) is BLOCKS[0]
    gain.set(0.5)
    assert gain.apply(SILENCE) is SILENCE


@pytest.mark.parametrize("factor", [0.0, 0.1, 0.5, 2.0])
def test_a_sound_is_made_softer_or_louder(factor: float) -> None:
    gain = Gain(factor)
    out = b"".join(gain.apply(block) for block in BLOCKS)
    assert amplitude(out, 800) == pytest.approx(8000 * factor, rel=0.01, abs=1)


def test_ducking_makes_it_softer_for_a_moment_whatever_the_volume() -> None:
    gain = Gain(0.5)
    gain.set_ducking(0.25)
    soft = b"".join(gain.apply(block) for block in BLOCKS)
    gain.set_ducking(1.0)
    loud = b"".join(gain.apply(block) for block in BLOCKS)
    assert amplitude(soft[PERIOD_BYTES:], 800) == pytest.approx(1000, rel=0.01)
    assert amplitude(loud[PERIOD_BYTES:], 800) == pytest.approx(4000, rel=0.01)
    assert steps_of(soft + loud) <= 1.3 * steps_of(TONE)


@pytest.mark.parametrize(("before", "after"), [(1.0, 0.0), (0.0, 1.0), (1.0, 0.2), (0.3, 3.0)])
def test_a_change_does_not_click(before: float, after: float) -> None:
    gain = Gain(before)
    steady = steps_of(gain.apply(BLOCKS[0]) + gain.apply(BLOCKS[1]))
    gain.set(after)
    out = b"".join(gain.apply(block) for block in BLOCKS[:10])
    settled = steps_of(out[-4 * PERIOD_BYTES :])
    stair = abs(after - before) * 8000 / (FADE_SAMPLES // PIECE_SAMPLES)
    assert steps_of(out) <= max(steady, settled) + stair + 2


def test_a_change_while_it_is_silent_is_there_with_the_first_sample() -> None:
    gain = Gain(1.0)
    gain.set(0.5)
    gain.apply(SILENCE)
    assert amplitude(gain.apply(BLOCKS[0]), 800) == pytest.approx(4000, rel=0.01)


def test_the_limiter_holds_the_ceiling_and_lets_go_slowly() -> None:
    gain = Gain(3.0)
    loud, soft = blocks_of(tone(800, 0.1, peak=25_000)), blocks_of(tone(800, 1.0, peak=2000))
    limited = [gain.apply(block) for block in loud]
    assert all(peak(block) <= CEILING for block in limited[1:])
    after = [peak(gain.apply(block)) for block in soft]
    assert after[0] < 0.5 * 6000
    assert after == sorted(after)
    assert after[-1] == pytest.approx(6000, rel=0.01)


def test_the_limiter_is_out_of_the_way_of_soft_sounds() -> None:
    gain = Gain(2.0)
    assert amplitude(gain.apply(BLOCKS[0]), 800) == pytest.approx(16_000, rel=0.01)


@given(st.lists(st.tuples(st.floats(0, 4), st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=960))))
def test_no_sample_ever_wraps_around(series: list[tuple[float, list[int]]]) -> None:
    gain = Gain()
    for factor, samples in series:
        gain.set(factor)
        block = array("h", samples).tobytes()
        out = array("h", gain.apply(block))
        assert len(out) == len(samples)
        assert all(before * after >= -abs(before) for before, after in zip(samples, out, strict=True))
