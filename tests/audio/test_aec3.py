from __future__ import annotations

import numpy as np
import pytest

from edge_agent.audio.aec3 import MOVES, QUIET_PERIODS, Aec3, Work
from edge_agent.audio.echo import NoiseSuppression
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SAMPLE_RATE_HZ, SILENCE
from edge_agent.errors import IllegalTransition
from tests.audio.rooms import (
    ANSWER,
    INTERRUPTION,
    Signal,
    decibels,
    echo_of,
    loudness,
    noise,
    periods,
    signal_of,
    voice,
)
from tests.audio.sounds import tone

ALOUD = tone(400, PERIOD_S)


def cleaned(near: Signal, far: Signal, canceller: Aec3 | None = None) -> Signal:
    canceller = canceller or Aec3(NoiseSuppression.NONE)
    pairs = zip(periods(near), periods(far), strict=True)
    return signal_of([canceller.process(one, other) for one, other in pairs])


def between(signal: Signal, begin_s: float, end_s: float) -> Signal:
    return signal[round(begin_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]


def delay_samples(original: Signal, late: Signal) -> int:
    """By how much one signal is later than the other, up to 30 ms."""
    products = [np.dot(original[: len(original) - lag], late[lag:]) for lag in range(1440)]
    return int(np.argmax(products))


@pytest.mark.parametrize("delay_s", [0.04, 0.12])
def test_an_echo_is_gone_within_three_seconds(delay_s: float) -> None:
    far = voice(ANSWER, "slt", 6.0)
    near = echo_of(far, delay_s)
    out = cleaned(near + noise(near), far)
    assert decibels(loudness(between(near, 1, 3)) / loudness(between(out, 1, 3))) > 25
    assert decibels(loudness(between(near, 3, 6)) / loudness(between(out, 3, 6))) > 35


@pytest.mark.parametrize("suppression", [NoiseSuppression.NONE, NoiseSuppression.MODERATE])
def test_a_person_is_heard_through_the_answer(suppression: NoiseSuppression) -> None:
    far = voice(ANSWER, "slt", 9.0)
    echo = echo_of(far, 0.08)
    talk = voice(INTERRUPTION, "rms", 4.0) * loudness(echo) / loudness(voice(INTERRUPTION, "rms", 4.0))
    talk = np.concatenate([np.zeros(5 * SAMPLE_RATE_HZ), talk])
    out = cleaned(echo + talk + noise(echo), far, Aec3(suppression))
    lost_db = decibels(loudness(between(talk, 5, 9)) / loudness(between(out, 5, 9)))
    separation_db = decibels(loudness(between(out, 5.2, 9)) / loudness(between(out, 3, 5)))
    assert lost_db < 7
    assert separation_db > 25


@pytest.mark.parametrize("suppression", [NoiseSuppression.NONE, NoiseSuppression.MODERATE])
def test_resting_and_working_are_equally_late(suppression: NoiseSuppression) -> None:
    near = voice(INTERRUPTION, "rms", 4.0)
    far = np.concatenate([np.zeros(2 * SAMPLE_RATE_HZ), 0.002 * voice(ANSWER, "slt", 2.0)])
    out = cleaned(near, far, Aec3(suppression))
    resting = delay_samples(between(near, 0.2, 1.8), between(out, 0.2, 1.8))
    working = delay_samples(between(near, 2.2, 3.8), between(out, 2.2, 3.8))
    assert abs(resting - working) <= 1


def test_blocks_of_two_periods_are_cleaned_like_single_ones() -> None:
    far = voice(ANSWER, "slt", 2.0)
    near = echo_of(far, 0.04)
    pairs = zip(periods(near), periods(far), strict=True)
    canceller, singly = Aec3(NoiseSuppression.NONE), cleaned(near, far)
    doubly = [
        canceller.process(one + other, mouth_one + mouth_other)
        for (one, mouth_one), (other, mouth_other) in zip(pairs, pairs, strict=True)
    ]
    assert np.array_equal(signal_of(doubly), singly)
    quiet = [Aec3(NoiseSuppression.NONE).process(SILENCE * 2, far_end) for far_end in (b"", SILENCE * 2)]
    assert quiet[0] == quiet[1]


def test_nothing_clicks_when_it_wakes_or_rests() -> None:
    seconds = 6.0
    hum = 0.25 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ)
    far = np.zeros(len(hum))
    far[2 * SAMPLE_RATE_HZ : 3 * SAMPLE_RATE_HZ] = 0.002 * voice(ANSWER, "slt", 1.0)
    canceller = Aec3(NoiseSuppression.NONE)
    out = between(cleaned(hum, far, canceller), 0.1, seconds)
    assert canceller.work is Work.RESTING
    steepest = 0.25 * 2 * np.pi * 200 / SAMPLE_RATE_HZ
    assert np.abs(np.diff(out)).max() < 1.3 * steepest


def test_what_it_has_learnt_outlives_a_rest() -> None:
    answer = voice(ANSWER, "slt", 5.0)
    pause = np.zeros(3 * SAMPLE_RATE_HZ)
    far = np.concatenate([answer, pause, answer[: 2 * SAMPLE_RATE_HZ]])
    near = echo_of(far, 0.08)
    out = cleaned(near + noise(near), far)
    assert decibels(loudness(between(near, 8.1, 8.6)) / loudness(between(out, 8.1, 8.6))) > 35


class TestWork:
    @pytest.fixture
    def canceller(self) -> Aec3:
        return Aec3(NoiseSuppression.NONE)

    def test_it_rests_until_something_is_played(self, canceller: Aec3) -> None:
        works = []
        for far in (SILENCE, bytes(PERIOD_BYTES), ALOUD, SILENCE, SILENCE):
            canceller.process(ALOUD, far)
            works.append(canceller.work)
        assert works == [Work.RESTING] * 2 + [Work.WAKING] + [Work.WORKING] * 2

    def test_it_rests_when_no_echo_can_come_any_more(self, canceller: Aec3) -> None:
        canceller.process(ALOUD, ALOUD)
        for _ in range(QUIET_PERIODS):
            canceller.process(ALOUD, SILENCE)
            assert canceller.work is not Work.RESTING
        canceller.process(ALOUD, SILENCE)
        assert canceller.work is Work.RESTING

    def test_every_state_is_in_the_table(self) -> None:
        assert set(MOVES) == set(Work) == frozenset().union(*MOVES.values())

    def test_a_move_that_is_not_in_the_table_is_a_bug(self, canceller: Aec3) -> None:
        with pytest.raises(IllegalTransition, match="resting -> working"):
            canceller._set_work(Work.WORKING)
