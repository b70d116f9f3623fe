from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.likeness import (
    ECHO_LIKENESS,
    FLOOR_DBFS,
    LONGEST_LAG_PERIODS,
    WINDOW_PERIODS,
    Envelopes,
    likeness,
)

PERIODS = 400


def talk(seed: int) -> list[float]:
    """Levels of somebody talking: syllables of 100 to 300 ms with pauses between, a period each."""
    chance = random.Random(seed)
    levels: list[float] = []
    while len(levels) < PERIODS:
        loudness = chance.uniform(-35.0, -15.0)
        levels += [loudness + chance.uniform(-3.0, 3.0) for _ in range(chance.randint(10, 30))]
        levels += [-80.0] * chance.randint(4, 40)
    return levels[:PERIODS]


def heard_while(played: list[float], heard: list[float]) -> float:
    envelopes = Envelopes()
    for played_dbfs, heard_dbfs in zip(played, heard, strict=True):
        envelopes.add(played_dbfs, heard_dbfs)
    return likeness(*envelopes.snapshot())


def delayed(levels: list[float], periods: int, by_db: float = 0.0) -> list[float]:
    return [-80.0] * periods + [level - by_db for level in levels[: len(levels) - periods]]


@pytest.mark.parametrize("delay_periods", [0, 4, 12, 31, LONGEST_LAG_PERIODS])
@pytest.mark.parametrize("seed", range(5))
def test_an_echo_is_like_what_is_played(delay_periods: int, seed: int) -> None:
    played = talk(seed)
    assert heard_while(played, delayed(played, delay_periods, by_db=6.0)) > ECHO_LIKENESS + 0.1


def test_an_echo_that_took_longer_than_any_does_is_none() -> None:
    played = talk(1)
    assert heard_while(played, delayed(played, 2 * LONGEST_LAG_PERIODS)) < ECHO_LIKENESS


@pytest.mark.parametrize("seed", range(20))
def test_another_voice_is_not(seed: int) -> None:
    assert heard_while(talk(seed), talk(seed + 100)) < ECHO_LIKENESS


def test_somebody_who_begins_to_talk_while_it_is_played_is_not() -> None:
    quiet = [-80.0] * (PERIODS - 40)
    for seed in range(20):
        assert heard_while(talk(seed), quiet + talk(seed + 100)[:40]) < ECHO_LIKENESS


@pytest.mark.parametrize("steady", [-80.0, -45.0])
def test_a_quiet_room_or_a_steady_noise_is_not(steady: float) -> None:
    noise = random.Random(7)
    assert heard_while(talk(3), [steady + noise.uniform(-0.8, 0.8) for _ in range(PERIODS)]) == 0.0


def test_nothing_is_like_a_silent_loudspeaker() -> None:
    assert heard_while([-96.0] * PERIODS, talk(3)) == 0.0


def test_it_takes_two_seconds_to_know() -> None:
    played = talk(2)
    assert heard_while(played[: WINDOW_PERIODS - 1], played[: WINDOW_PERIODS - 1]) == 0.0
    assert heard_while(played[:WINDOW_PERIODS], played[:WINDOW_PERIODS]) == pytest.approx(1.0)


def test_what_was_before_a_gap_is_forgotten() -> None:
    envelopes = Envelopes()
    for level in talk(2):
        envelopes.add(level, level)
    envelopes.clear()
    assert likeness(*envelopes.snapshot()) == 0.0


@given(st.lists(st.tuples(st.floats(-200.0, 20.0), st.floats(-200.0, 20.0)), max_size=PERIODS))
def test_it_is_a_share_whatever_the_levels(pairs: list[tuple[float, float]]) -> None:
    envelopes = Envelopes()
    for played_dbfs, heard_dbfs in pairs:
        envelopes.add(played_dbfs, heard_dbfs)
    played, heard = envelopes.snapshot()
    assert 0.0 <= likeness(played, heard) <= 1.0
    assert all(level >= FLOOR_DBFS for level in (*played, *heard))
