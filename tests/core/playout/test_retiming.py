from __future__ import annotations

import random
from array import array

import pytest

from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SILENCE
from edge_agent.core.playout.retiming import (
    LONGEST_INSERTION_SAMPLES,
    PACE,
    SHORTEST_BLOCK_SAMPLES,
    Retimer,
)
from edge_agent.core.playout.samples import LONGEST_LAG_SAMPLES, SEARCHED_SAMPLES
from edge_agent.core.playout.statistics import PlayoutStatistics
from tests.core.playout.scenes import PITCH_SAMPLES, voice

SPEECH = voice(0, SEARCHED_SAMPLES)


@pytest.fixture
def statistics() -> PlayoutStatistics:
    return PlayoutStatistics()


@pytest.fixture
def retimer(statistics: PlayoutStatistics) -> Retimer:
    return Retimer(statistics)


def samples(pcm: bytes) -> int:
    return len(pcm) // 2


@pytest.mark.parametrize("error_s", [-0.0005, 0.0, 0.0005])
def test_silence_that_is_in_time_stays(retimer: Retimer, error_s: float) -> None:
    assert retimer.silence(SILENCE, error_s, now=10.0) is SILENCE


def test_late_silence_is_shortened_by_what_it_is_late(
    retimer: Retimer, statistics: PlayoutStatistics
) -> None:
    assert samples(retimer.silence(SILENCE, 0.003, now=10.0)) == PERIOD_SAMPLES - 144
    assert statistics.removed_samples_for_acceleration == 144


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


@pytest.mark.parametrize(("error_s", "change"), [(0.020, -1), (-0.020, 1)])
def test_speech_is_corrected_by_whole_pitch_periods(
    retimer: Retimer, statistics: PlayoutStatistics, error_s: float, change: int
) -> None:
    corrected = retimer.speech(SPEECH, error_s, now=10.0)
    changed = change * (samples(corrected) - SEARCHED_SAMPLES)
    assert changed in range(PITCH_SAMPLES, LONGEST_LAG_SAMPLES + 1, PITCH_SAMPLES)
    counted = (statistics.removed_samples_for_acceleration, statistics.inserted_samples_for_deceleration)
    assert counted == ((changed, 0) if error_s > 0 else (0, changed))
    assert statistics.audible_corrections == 1
    assert corrected == voice(0, samples(corrected))  # nothing of it is heard


def test_what_does_not_come_again_stays_as_it_is(retimer: Retimer, statistics: PlayoutStatistics) -> None:
    chance = random.Random(1)
    noise = array("h", (chance.randrange(-9_000, 9_000) for _ in range(SEARCHED_SAMPLES))).tobytes()
    assert retimer.speech(noise, 0.050, now=10.0) is noise
    assert statistics == PlayoutStatistics()


def test_a_correction_does_not_go_far_beyond_the_error(retimer: Retimer) -> None:
    corrected = retimer.speech(SPEECH, 0.006, now=10.0)
    assert samples(corrected) == SEARCHED_SAMPLES - PITCH_SAMPLES


def test_speech_is_left_alone_while_the_error_is_small(retimer: Retimer) -> None:
    smallest_s, longest_pace_s = PACE[-1]
    assert not retimer.is_due(smallest_s, now=10.0)
    assert not retimer.is_due(smallest_s * 0.99, now=10_000.0)
    assert retimer.is_due(smallest_s, now=10.1 + longest_pace_s)
    assert retimer.is_due(-smallest_s, now=10.1 + longest_pace_s)


@pytest.mark.parametrize("error_s", [-0.500, -0.020, 0.010, 0.500])
def test_the_first_speech_ever_is_not_corrected_at_once(retimer: Retimer, error_s: float) -> None:
    assert not retimer.is_due(error_s, now=10.0)


@pytest.mark.parametrize(("error_s", "pace_s"), PACE)
def test_the_larger_the_error_the_sooner_the_next_correction(
    retimer: Retimer, error_s: float, pace_s: float
) -> None:
    retimer.speech(SPEECH, error_s, now=10.0)
    assert not retimer.is_due(error_s, now=10.0 + pace_s * 0.99)
    assert retimer.is_due(error_s, now=10.0 + pace_s * 1.01)


def test_speech_with_pauses_is_left_to_the_pauses(retimer: Retimer) -> None:
    error_s, pace_s = PACE[-1]
    for second in range(60):
        retimer.silence(SILENCE, error_s, now=10.0 + second * 0.9 * pace_s)
        assert not retimer.is_due(error_s, now=10.0 + (second + 1) * 0.9 * pace_s)


def test_the_pace_is_a_table_from_the_largest_error_down() -> None:
    errors, paces = [error_s for error_s, _ in PACE], [pace_s for _, pace_s in PACE]
    assert errors == sorted(errors, reverse=True)
    assert paces == sorted(paces)
