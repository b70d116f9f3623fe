from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.ducking import HOLD_S, MOVES, SOUNDING_PERIODS, VOICE_PERIODS, Ducker, Ducking
from edge_agent.core.pcm import PERIOD_S
from edge_agent.errors import IllegalTransition

SOFT_12_DB = pytest.approx(0.251, abs=0.001)


class Scene:
    """A ducker and the time."""

    def __init__(self, depth_db: float = 12.0) -> None:
        self.ducker = Ducker(depth_db)
        self.now = 0.0

    def gains(self, periods: int, *, voice: bool = False, played: bool = True) -> list[float]:
        found = []
        for _ in range(periods):
            found.append(self.ducker.gain(is_voice=voice, is_played=played, now=self.now))
            self.now += PERIOD_S
        return found


def test_it_is_softer_from_the_third_period_of_a_voice_on() -> None:
    scene = Scene()
    scene.gains(5)
    assert scene.gains(VOICE_PERIODS, voice=True) == [1.0, 1.0, SOFT_12_DB]


def test_a_knock_changes_nothing() -> None:
    scene = Scene()
    for _ in range(5):
        assert set(scene.gains(VOICE_PERIODS - 1, voice=True) + scene.gains(1)) == {1.0}


def test_nothing_is_to_be_ducked_while_nothing_is_played() -> None:
    assert set(Scene().gains(100, voice=True, played=False)) == {1.0}


def test_the_pause_of_a_sentence_counts_as_sound() -> None:
    scene = Scene()
    scene.gains(1)
    scene.gains(SOUNDING_PERIODS - VOICE_PERIODS - 1, played=False)
    assert scene.gains(VOICE_PERIODS, voice=True, played=False)[-1] == SOFT_12_DB


def test_it_is_as_loud_as_before_when_the_server_does_not_stop_the_answer() -> None:
    scene = Scene()
    gains = scene.gains(200, voice=True)
    soft = [gain for gain in gains if gain != 1.0]
    assert len(soft) * PERIOD_S == pytest.approx(HOLD_S, abs=2 * PERIOD_S)
    assert gains[-1] == 1.0


def test_one_voice_ducks_once_and_the_next_again() -> None:
    scene = Scene()
    scene.gains(200, voice=True)
    assert scene.ducker.ducking is Ducking.SPENT
    scene.gains(VOICE_PERIODS)
    assert scene.gains(VOICE_PERIODS, voice=True)[-1] == SOFT_12_DB


def test_the_next_answer_begins_loud() -> None:
    scene = Scene()
    scene.gains(VOICE_PERIODS, voice=True)
    scene.gains(SOUNDING_PERIODS, played=False)
    assert scene.gains(1) == [1.0]


def test_a_depth_of_nothing_changes_nothing() -> None:
    assert set(Scene(depth_db=0.0).gains(100, voice=True)) == {1.0}


def test_every_state_is_in_the_table() -> None:
    assert set(MOVES) == set(Ducking) == frozenset().union(*MOVES.values())


def test_a_move_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="free -> spent"):
        Ducker(12.0)._set_ducking(Ducking.SPENT)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=400))
def test_it_is_never_soft_for_longer_than_it_says(periods: list[tuple[bool, bool]]) -> None:
    ducker = Ducker(12.0)
    soft_periods = 0
    for number, (is_voice, is_played) in enumerate(periods):
        gain = ducker.gain(is_voice=is_voice, is_played=is_played, now=number * PERIOD_S)
        soft_periods = soft_periods + 1 if gain < 1.0 else 0
        assert soft_periods * PERIOD_S <= HOLD_S + 2 * PERIOD_S
