from __future__ import annotations

import audioop
import functools
import math
import random
from array import array

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from edge_agent.core.likeness import (
    BANDS_HZ,
    ECHO_LIKENESS,
    LEAST_PERIODS,
    LONGEST_LAG_PERIODS,
    WINDOW_PERIODS,
    likeness,
)
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE

PERIODS = 400
Talk = list[bytes]


@functools.cache
def vowel(low_hz: int, high_hz: int) -> bytes:
    """A period of two formants."""
    angles = [2 * math.pi * at / SAMPLE_RATE_HZ for at in range(PERIOD_SAMPLES)]
    samples = [4_000 * math.sin(low_hz * angle) + 3_000 * math.sin(high_hz * angle) for angle in angles]
    return array("h", map(round, samples)).tobytes()


def talk(seed: int, periods: int = PERIODS) -> Talk:
    """Somebody talking: vowels of 60 to 140 ms, with pauses between words."""
    chance = random.Random(seed)
    said: Talk = []
    while len(said) < periods:
        for _ in range(chance.randint(1, 4)):
            sound = vowel(chance.choice(BANDS_HZ[:5]), chance.choice(BANDS_HZ[5:]))
            said += [sound] * chance.randint(6, 14)
        said += [SILENCE] * chance.randint(4, 30)
    return said[:periods]


def heard_while(played: Talk, heard: Talk) -> float:
    return likeness(b"".join(played), b"".join(heard))


def delayed(said: Talk, periods: int, by: float = 1.0) -> Talk:
    quieter = [block if block is SILENCE else audioop.mul(block, 2, by) for block in said]
    return [SILENCE] * periods + quieter[: len(said) - periods]


def quiet(periods: int) -> Talk:
    return [SILENCE] * periods


@pytest.mark.parametrize("delay_periods", [0, 4, 13, 31, LONGEST_LAG_PERIODS])
@pytest.mark.parametrize("seed", range(3))
def test_an_echo_is_like_what_is_played(delay_periods: int, seed: int) -> None:
    played = talk(seed)
    assert heard_while(played, delayed(played, delay_periods, by=0.5)) > 0.9


def test_an_echo_that_ends_with_the_answer_is_one() -> None:
    played = quiet(PERIODS - 120) + talk(1, 50) + quiet(70)
    assert heard_while(played, delayed(played, 18)) > 0.9


def test_an_echo_that_took_longer_than_any_does_is_none() -> None:
    played = talk(1)
    assert heard_while(played, delayed(played, 2 * LONGEST_LAG_PERIODS)) < ECHO_LIKENESS


@pytest.mark.parametrize("seed", range(10))
def test_another_voice_is_not(seed: int) -> None:
    assert heard_while(talk(seed), talk(seed + 100)) < ECHO_LIKENESS


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("words_periods", [60, 110])
def test_somebody_who_begins_to_talk_when_the_answer_does_is_not(seed: int, words_periods: int) -> None:
    """The common case: a person goes on after a pause that the server took for the end."""
    answer = quiet(PERIODS - 120) + talk(seed, 50) + quiet(70)
    person = quiet(PERIODS - 110) + talk(seed + 100, words_periods) + quiet(110 - words_periods)
    assert heard_while(answer, person) < ECHO_LIKENESS


def test_a_voice_that_goes_on_when_the_loudspeaker_is_stopped_is_not_even_with_the_same_words() -> None:
    words = talk(1, 140)
    answer = quiet(PERIODS - 140) + words[:40] + quiet(100)
    assert heard_while(answer, quiet(PERIODS - 140) + words) < ECHO_LIKENESS


@pytest.mark.parametrize("level", [0, 2_000])
def test_a_quiet_room_or_a_steady_noise_is_not(level: int) -> None:
    chance = random.Random(7)
    noise = [
        array("h", [round(chance.gauss(0, level)) for _ in range(PERIOD_SAMPLES)]).tobytes()
        for _ in range(PERIODS)
    ]
    assert heard_while(talk(3), noise) < 0.2


def test_nothing_is_like_a_silent_loudspeaker() -> None:
    assert heard_while(quiet(PERIODS), talk(3)) == 0.0


def test_a_sound_that_never_changes_tells_nothing() -> None:
    assert heard_while([vowel(500, 1_800)] * PERIODS, [vowel(500, 1_800)] * PERIODS) == pytest.approx(0.0)


def test_less_than_a_word_in_common_tells_nothing() -> None:
    word = talk(1, LEAST_PERIODS - 1)
    heard = quiet(PERIODS - len(word)) + word
    assert heard_while(heard, heard) == 0.0


def test_it_takes_two_seconds_to_know() -> None:
    played = talk(2)
    assert heard_while(played[: WINDOW_PERIODS - 1], played[: WINDOW_PERIODS - 1]) == 0.0
    assert heard_while(played[:WINDOW_PERIODS], played[:WINDOW_PERIODS]) == pytest.approx(1.0)


blocks = st.sampled_from([SILENCE, vowel(300, 3_500), vowel(500, 1_800), b"\xff\x7f" * PERIOD_SAMPLES]) | (
    st.binary(min_size=4, max_size=4).map(lambda pattern: pattern * (PERIOD_BYTES // 4))
)


@given(st.lists(st.tuples(blocks, blocks), max_size=30), st.integers(1, 12))
@effort(max_examples=30, deadline=None, derandomize=True, database=None)
def test_it_is_a_share_whatever_the_sounds(pairs: list[tuple[bytes, bytes]], times: int) -> None:
    played, heard = (b"".join(sound * times) for sound in zip(*pairs, strict=True)) if pairs else (b"", b"")
    assert 0.0 <= likeness(played, heard) <= 1.0
