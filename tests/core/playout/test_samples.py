from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.pcm import SAMPLE_BYTES, SILENCE
from edge_agent.core.playout.samples import (
    AUDIBLE_PEAK,
    CROSS_FADE_SAMPLES,
    LONGEST_LAG_SAMPLES,
    REJOINED_SAMPLES,
    REPLACED_SEARCH_SAMPLES,
    SEARCHED_SAMPLES,
    SHORTEST_LAG_SAMPLES,
    cross_fade,
    fade_to_silence,
    is_audible,
    mirrored,
    peak,
    rejoined,
    repetition,
    replaced,
    splice,
)
from tests.audio.sounds import tone
from tests.core.playout.scenes import PITCH_SAMPLES, voice

pcm = st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=600).map(lambda x: array("h", x).tobytes())


def samples(pcm: bytes) -> list[int]:
    return list(array("h", pcm))


def ramp(count: int, first: int = 0) -> bytes:
    return array("h", range(first, first + count)).tobytes()


def largest_step(pcm: bytes) -> int:
    values = samples(pcm)
    return max(abs(after - before) for before, after in pairwise(values))


def test_the_peak_of_a_tone_is_its_amplitude() -> None:
    assert peak(tone(440, 0.01, peak=12_000)) == pytest.approx(12_000, rel=0.02)


def test_the_lowest_sample_counts_as_full_scale() -> None:
    assert peak(array("h", [-32768] * 480).tobytes()) == 32_768


def test_silence_and_nothing_have_no_peak() -> None:
    assert peak(SILENCE) == peak(b"") == 0


def test_a_voice_is_audible_and_a_codecs_noise_is_not() -> None:
    assert is_audible(tone(440, 0.01, peak=3000))
    assert not is_audible(tone(440, 0.01, peak=AUDIBLE_PEAK))
    assert is_audible(array("h", [0, -AUDIBLE_PEAK - 1]).tobytes())


def test_a_voice_comes_again_after_its_pitch_period() -> None:
    lag, likeness = repetition(voice(0, SEARCHED_SAMPLES), LONGEST_LAG_SAMPLES)
    assert lag % PITCH_SAMPLES == 0
    assert likeness == pytest.approx(1.0)


def test_no_lag_is_longer_than_allowed() -> None:
    lag, _ = repetition(voice(0, SEARCHED_SAMPLES), 300)
    assert lag == PITCH_SAMPLES
    lag, likeness = repetition(voice(0, SEARCHED_SAMPLES), 200)
    assert SHORTEST_LAG_SAMPLES <= lag <= 200
    assert likeness < 0.5


def test_silence_is_like_nothing() -> None:
    assert repetition(bytes(2 * SEARCHED_SAMPLES), LONGEST_LAG_SAMPLES)[1] == 0.0
    half = bytes(SEARCHED_SAMPLES) + voice(0, SEARCHED_SAMPLES // 2)
    assert repetition(half, LONGEST_LAG_SAMPLES)[1] == 0.0


@given(
    st.lists(st.integers(-32_768, 32_767), min_size=SEARCHED_SAMPLES // 30, max_size=SEARCHED_SAMPLES // 30),
    st.integers(SHORTEST_LAG_SAMPLES, LONGEST_LAG_SAMPLES),
)
def test_any_sound_has_a_lag_in_range_and_a_likeness(values: list[int], longest: int) -> None:
    pcm = array("h", values * 30).tobytes()
    lag, likeness = repetition(pcm, longest)
    assert SHORTEST_LAG_SAMPLES <= lag <= longest
    assert -1.001 <= likeness <= 1.001


@given(pcm)
def test_a_cross_fade_begins_like_the_old_and_stays_between_both(old: bytes) -> None:
    new = bytes(len(old))
    faded = samples(cross_fade(old, new))
    assert faded[0] == samples(old)[0]
    assert all(abs(after) <= abs(before) for before, after in zip(samples(old), faded, strict=True))


def test_a_cross_fade_from_silence_ends_like_the_new() -> None:
    level = array("h", [10_000] * 100).tobytes()
    faded = samples(cross_fade(bytes(len(level)), level))
    assert faded[0] == 0
    assert faded[-1] == pytest.approx(10_000, rel=0.02)
    assert faded == sorted(faded)


def test_a_fade_ends_in_silence() -> None:
    faded = samples(fade_to_silence(array("h", [10_000] * 480).tobytes()))
    assert faded[0] == 10_000
    assert faded == sorted(faded, reverse=True)
    assert faded[-1] < 50


@pytest.mark.parametrize("lag", [SHORTEST_LAG_SAMPLES, PITCH_SAMPLES, LONGEST_LAG_SAMPLES])
def test_a_splice_changes_the_length_by_the_lag(lag: int) -> None:
    pcm = ramp(SEARCHED_SAMPLES)
    shorter, longer = samples(splice(pcm, 0, lag)), samples(splice(pcm, lag, 0))
    assert len(shorter) == SEARCHED_SAMPLES - lag
    assert len(longer) == SEARCHED_SAMPLES + lag
    assert (shorter[0], longer[0]) == (0, 0)
    assert shorter[CROSS_FADE_SAMPLES:] == samples(pcm)[lag + CROSS_FADE_SAMPLES :]
    assert longer[lag + CROSS_FADE_SAMPLES :] == samples(pcm)[CROSS_FADE_SAMPLES:]


def test_a_splice_by_whole_pitch_periods_is_not_heard() -> None:
    pcm = voice(0, SEARCHED_SAMPLES)
    for leave, join in ((0, PITCH_SAMPLES), (PITCH_SAMPLES, 0), (2 * PITCH_SAMPLES, 0)):
        assert largest_step(splice(pcm, leave, join)) <= largest_step(pcm)


@given(pcm, st.integers(1, 600))
def test_what_is_mirrored_goes_on_without_a_step(sound: bytes, count: int) -> None:
    count = min(count, len(sound) // 2)
    more = samples(mirrored(sound, count))
    assert more == samples(sound)[: -count - 1 : -1]


def test_a_tone_that_is_spliced_stays_a_tone() -> None:
    pcm = tone(200, 0.1)[: 2 * SEARCHED_SAMPLES]
    spliced = splice(pcm, 0, PITCH_SAMPLES)
    assert samples(spliced) == pytest.approx(samples(pcm)[: len(spliced) // 2], abs=2)


def test_sound_is_joined_to_what_was_made_up_where_both_are_alike() -> None:
    whole = tone(100, 0.06)
    made_up, pcm = whole[: REJOINED_SAMPLES * SAMPLE_BYTES], whole[60 * SAMPLE_BYTES :]
    joined, more_samples = rejoined(made_up, pcm)
    assert more_samples == 60
    assert len(joined) == len(pcm) + 60 * SAMPLE_BYTES
    assert max(abs(a - b) for a, b in zip(array("h", joined), array("h", whole), strict=False)) <= 1


@pytest.mark.parametrize("samples", [120, 240, 480, 2880])
def test_a_packet_of_any_length_is_joined_without_losing_a_sample(samples: int) -> None:
    joined, more_samples = rejoined(tone(200, 0.02), tone(150, samples / 48_000))
    assert len(joined) == (samples + more_samples) * SAMPLE_BYTES
    assert 0 <= more_samples <= REJOINED_SAMPLES


@pytest.mark.parametrize("missing", [120, 480, 720])
def test_sound_goes_on_without_its_beginning_where_it_is_most_alike(missing: int) -> None:
    made_up, pcm = voice(100 + missing, REJOINED_SAMPLES), voice(0, 960)
    played = replaced(made_up, pcm, missing)
    left = len(played) // SAMPLE_BYTES
    assert abs(left - (960 - missing)) <= REPLACED_SEARCH_SAMPLES
    assert played == made_up[: len(played)]


@given(
    st.integers(1, 960).flatmap(lambda length: st.tuples(st.just(length), st.integers(0, length))),
    st.sampled_from([0.0, 180.0, 3_000.0]),
)
def test_the_beginning_can_be_left_out_of_sound_of_any_length(lengths: tuple[int, int], hz: float) -> None:
    length, missing = lengths
    played = replaced(tone(200, 0.02), tone(hz, length / 48_000), missing)
    assert abs(len(played) // SAMPLE_BYTES - (length - missing)) <= REPLACED_SEARCH_SAMPLES
