from __future__ import annotations

import random
from array import array
from itertools import pairwise

import pytest

from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE
from edge_agent.core.playout.retiming import (
    LARGEST_EARLINESS_S,
    LONGEST_INSERTION_SAMPLES,
    PACE,
    PATIENCE_S,
    SHORTENABLE_SAMPLES,
    SHORTEST_BLOCK_SAMPLES,
    SILENCE_TOLERANCE_S,
    SMALLEST_ERROR_S,
    UNHURRIED_S,
    Retimer,
)
from edge_agent.core.playout.samples import LONGEST_LAG_SAMPLES
from edge_agent.core.playout.statistics import PlayoutStatistics
from tests.core.playout.scenes import PITCH_SAMPLES, voice

SPOKEN_SAMPLES = 10 * PERIOD_SAMPLES
SMALLEST_LATENESS_S = PACE[-1][0]


@pytest.fixture
def statistics() -> PlayoutStatistics:
    return PlayoutStatistics()


@pytest.fixture
def retimer(statistics: PlayoutStatistics) -> Retimer:
    return Retimer(statistics)


@pytest.fixture
def speaking(retimer: Retimer) -> Retimer:
    """A retimer in the middle of speech."""
    for n in range(10):
        retimer.played(voice(n * PERIOD_SAMPLES, PERIOD_SAMPLES))
    return retimer


def samples(pcm: bytes) -> int:
    return len(pcm) // 2


@pytest.mark.parametrize("error_s", [-SILENCE_TOLERANCE_S, 0.0, SILENCE_TOLERANCE_S])
def test_silence_that_is_in_time_stays(retimer: Retimer, error_s: float) -> None:
    assert retimer.silence(SILENCE, error_s, now=10.0) is SILENCE


def test_late_silence_is_shortened_by_what_it_is_late(
    retimer: Retimer, statistics: PlayoutStatistics
) -> None:
    assert samples(retimer.silence(SILENCE, 0.003, now=10.0)) == PERIOD_SAMPLES - 144
    assert statistics.removed_samples_for_acceleration == 144


def test_nothing_is_cut_off_where_quiet_is_shortened(retimer: Retimer) -> None:
    rising = array("h", range(PERIOD_SAMPLES))
    shorter = array("h", retimer.silence(rising.tobytes(), 0.003, now=10.0))
    assert (shorter[0], shorter[-1]) == (rising[0], rising[-1])
    assert max(after - before for before, after in pairwise(shorter)) <= 2


def test_early_silence_is_lengthened_by_what_it_is_early(
    retimer: Retimer, statistics: PlayoutStatistics
) -> None:
    assert samples(retimer.silence(SILENCE, -0.003, now=10.0)) == PERIOD_SAMPLES + 144
    assert statistics.inserted_samples_for_deceleration == 144


def test_a_period_of_silence_is_neither_used_up_nor_made_endless(retimer: Retimer) -> None:
    assert samples(retimer.silence(SILENCE, 100.0, now=10.0)) == SHORTEST_BLOCK_SAMPLES
    assert samples(retimer.silence(SILENCE, -100.0, now=10.0)) == PERIOD_SAMPLES + LONGEST_INSERTION_SAMPLES


def test_longer_silence_goes_on_without_a_step(retimer: Retimer) -> None:
    noise = array("h", (random.Random(1).choices(range(-50, 50), k=PERIOD_SAMPLES))).tobytes()
    longer = retimer.silence(noise, -0.005, now=10.0)
    assert longer[:PERIOD_BYTES] == noise
    assert longer[PERIOD_BYTES : PERIOD_BYTES + 2] == noise[-2:]


def test_correcting_silence_is_not_audible(retimer: Retimer, statistics: PlayoutStatistics) -> None:
    retimer.silence(SILENCE, 0.005, now=10.0)
    retimer.silence(SILENCE, -0.005, now=10.0)
    assert statistics.audible_corrections == 0


@pytest.mark.parametrize("error_s", [0.006, 0.020, 0.300])
def test_late_speech_is_shortened_by_whole_pitch_periods(
    speaking: Retimer, statistics: PlayoutStatistics, error_s: float
) -> None:
    shorter = speaking.shorter(voice(SPOKEN_SAMPLES, SHORTENABLE_SAMPLES), error_s, now=10.0)
    removed = SHORTENABLE_SAMPLES - samples(shorter)
    assert removed in range(PITCH_SAMPLES, LONGEST_LAG_SAMPLES + 1, PITCH_SAMPLES)
    assert removed <= error_s * SAMPLE_RATE_HZ
    assert shorter == voice(SPOKEN_SAMPLES, samples(shorter))  # nothing of it is heard
    assert statistics.removed_samples_for_acceleration == removed
    assert (statistics.audible_corrections, statistics.inserted_samples_for_deceleration) == (1, 0)


@pytest.mark.parametrize("error_s", [-0.003, -0.020, -0.300])
def test_early_speech_is_lengthened_by_whole_pitch_periods(
    speaking: Retimer, statistics: PlayoutStatistics, error_s: float
) -> None:
    longer = speaking.longer(voice(SPOKEN_SAMPLES, PERIOD_SAMPLES), error_s, now=10.0)
    inserted = samples(longer) - PERIOD_SAMPLES
    assert inserted in range(PITCH_SAMPLES, LONGEST_LAG_SAMPLES + 1, PITCH_SAMPLES)
    assert longer == voice(SPOKEN_SAMPLES, samples(longer))
    assert statistics.inserted_samples_for_deceleration == inserted
    assert (statistics.audible_corrections, statistics.removed_samples_for_acceleration) == (1, 0)


def test_what_does_not_come_again_stays_as_it_is(speaking: Retimer, statistics: PlayoutStatistics) -> None:
    chance = random.Random(1)
    noise = array("h", (chance.randrange(-9_000, 9_000) for _ in range(SHORTENABLE_SAMPLES))).tobytes()
    speaking.played(noise)
    assert speaking.shorter(noise, 0.050, now=10.0) == noise
    assert speaking.longer(noise[:PERIOD_BYTES], -0.050, now=10.0) == noise[:PERIOD_BYTES]
    assert statistics == PlayoutStatistics()


def test_before_anything_was_played_nothing_is_corrected(
    retimer: Retimer, statistics: PlayoutStatistics
) -> None:
    pcm = voice(0, SHORTENABLE_SAMPLES)
    assert retimer.shorter(pcm, 0.050, now=10.0) == pcm
    assert retimer.longer(pcm[:PERIOD_BYTES], -0.050, now=10.0) == pcm[:PERIOD_BYTES]
    assert statistics.audible_corrections == 0


@pytest.mark.parametrize("error_s", [-LARGEST_EARLINESS_S * 0.99, 0.0, SMALLEST_LATENESS_S * 0.99])
def test_speech_is_left_alone_while_the_error_is_small(speaking: Retimer, error_s: float) -> None:
    assert not speaking.is_due(error_s, now=10_000.0)


def test_a_little_too_early_waits_for_a_silence_but_not_for_ever(retimer: Retimer) -> None:
    retimer.silence(SILENCE, 0.0, now=10.0)
    assert not retimer.is_due(-LARGEST_EARLINESS_S, now=10.0 + PATIENCE_S * 0.99)
    assert retimer.is_due(-LARGEST_EARLINESS_S, now=10.0 + PATIENCE_S * 1.01)


@pytest.mark.parametrize("error_s", [-0.500, -0.020, 0.010, 0.500])
def test_the_first_speech_ever_is_not_corrected_at_once(retimer: Retimer, error_s: float) -> None:
    assert not retimer.is_due(error_s, now=10.0)


@pytest.mark.parametrize(("error_s", "pace_s"), PACE)
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_larger_the_error_the_sooner_the_next_correction(
    speaking: Retimer, sign: int, error_s: float, pace_s: float
) -> None:
    speaking.is_due(sign * error_s, now=10.0 - UNHURRIED_S)
    speaking.shorter(voice(SPOKEN_SAMPLES, SHORTENABLE_SAMPLES), 0.020, now=10.0)
    assert not speaking.is_due(sign * error_s, now=10.0 + pace_s * 0.99)
    assert speaking.is_due(sign * error_s, now=10.0 + pace_s * 1.01)


def test_late_speech_waits_for_a_silence_but_not_for_ever(speaking: Retimer) -> None:
    speaking.silence(SILENCE, 0.0, now=5.0)
    assert not speaking.is_due(0.300, now=10.0)
    assert not speaking.is_due(0.300, now=10.0 + UNHURRIED_S * 0.99)
    speaking.silence(SILENCE, 0.300, now=10.0 + UNHURRIED_S)  # too short for all of it
    assert speaking.is_due(0.290, now=10.1 + UNHURRIED_S)


def test_each_time_that_speech_becomes_late_it_waits_anew(speaking: Retimer) -> None:
    assert not speaking.is_due(0.300, now=10.0)
    assert not speaking.is_due(0.0, now=11.0)
    assert not speaking.is_due(0.300, now=20.0)
    assert speaking.is_due(0.300, now=20.0 + UNHURRIED_S)


def test_what_is_too_little_to_be_corrected_is_no_waiting(speaking: Retimer) -> None:
    assert not speaking.is_due(SMALLEST_ERROR_S * 0.99, now=10.0)
    assert not speaking.is_due(0.300, now=20.0)
    assert not speaking.is_due(0.300, now=20.0 + UNHURRIED_S * 0.99)
    assert speaking.is_due(0.300, now=20.0 + UNHURRIED_S)


def test_early_speech_waits_for_nothing(speaking: Retimer) -> None:
    speaking.silence(SILENCE, 0.0, now=9.9)
    assert speaking.is_due(-0.100, now=10.0)


def test_speech_with_pauses_is_left_to_the_pauses(retimer: Retimer) -> None:
    for n in range(60):
        now = 10.0 + n * 0.9 * PATIENCE_S
        assert not retimer.is_due(-LARGEST_EARLINESS_S, now)
        retimer.silence(SILENCE, -LARGEST_EARLINESS_S, now)


def test_the_pace_is_a_table_from_the_largest_error_down() -> None:
    errors, paces = [error_s for error_s, _ in PACE], [pace_s for _, pace_s in PACE]
    assert errors == sorted(errors, reverse=True)
    assert paces == sorted(paces)
