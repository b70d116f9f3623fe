from __future__ import annotations

import audioop
import math
import random
from array import array
from collections.abc import Callable, Iterator

import pytest

from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SAMPLE_RATE_HZ, SILENCE
from edge_agent.core.voice_activity import FLOOR_PIECE_PERIODS, FLOOR_PIECES, VoiceActivity
from tests.speech import spoken

ROOM_S = FLOOR_PIECE_PERIODS * FLOOR_PIECES * PERIOD_S
"""How long it takes to know a room."""


def at_dbfs(pcm: bytes, level_dbfs: float) -> bytes:
    """The same sound at another RMS level."""
    return audioop.mul(pcm, 2, 32_768 * 10 ** (level_dbfs / 20) / audioop.rms(pcm, 2))


def hiss(seconds: float) -> bytes:
    chance = random.Random(1)
    return array("h", (chance.randrange(-3000, 3000) for _ in range(round(seconds * 48_000)))).tobytes()


def hum(seconds: float) -> bytes:
    step = 2 * math.pi * 50 / SAMPLE_RATE_HZ
    return array("h", (round(9000 * math.sin(step * at)) for at in range(round(seconds * 48_000)))).tobytes()


def rumble(seconds: float) -> bytes:
    chance, level, samples = random.Random(1), 0.0, array("h")
    for _ in range(round(seconds * 48_000)):
        level += chance.uniform(-200, 200) - level * 0.005
        samples.append(round(level))
    return samples.tobytes()


def knocks(seconds: float) -> bytes:
    knock = array("h", (round(20_000 * math.exp(-at / 300) * math.sin(at / 20)) for at in range(24_000)))
    return knock.tobytes() * round(seconds * 2)


def moments_of_voice(pcm: bytes, activity: VoiceActivity) -> Iterator[float]:
    """When somebody speaks, as far as it noticed, in seconds from the beginning."""
    for at in range(0, len(pcm) - PERIOD_BYTES + 1, PERIOD_BYTES):
        if activity.feed(pcm[at : at + PERIOD_BYTES]):
            yield at / PERIOD_BYTES * PERIOD_S


@pytest.mark.parametrize("voice", ["rms", "slt", "awb"])
@pytest.mark.parametrize("level_dbfs", [-20.0, -40.0])
def test_speech_is_noticed_within_a_word_or_two(voice: str, level_dbfs: float) -> None:
    speech = at_dbfs(spoken("what time is it", voice), level_dbfs)
    first = next(moments_of_voice(SILENCE * 300 + speech, VoiceActivity()))
    assert 3.1 < first < 3.8


def test_speech_is_noticed_in_the_noise_of_a_room_that_it_knows() -> None:
    speech = at_dbfs(spoken("what time is it", "rms"), -30.0)
    noise = at_dbfs(hiss(3.0 + len(speech) / 96_000), -45.0)
    first = next(moments_of_voice(audioop.add(noise, bytes(3 * 96_000) + speech, 2), VoiceActivity()))
    assert 3.1 < first < 3.8


@pytest.mark.parametrize("noise", [hiss, hum, rumble])
def test_a_noise_that_goes_on_becomes_the_room(noise: Callable[[float], bytes]) -> None:
    pcm = SILENCE * 300 + at_dbfs(noise(3.0 + ROOM_S), -30.0)
    assert [at for at in moments_of_voice(pcm, VoiceActivity()) if at > 3.5 + ROOM_S] == []


@pytest.mark.parametrize("noise", [hiss, hum, knocks])
def test_what_is_no_voice_wakes_nobody(noise: Callable[[float], bytes]) -> None:
    pcm = SILENCE * 300 + at_dbfs(noise(3.0), -30.0)
    assert list(moments_of_voice(pcm, VoiceActivity())) == []


def test_what_is_far_away_wakes_nobody() -> None:
    speech = at_dbfs(spoken("what time is it", "rms"), -60.0)
    assert list(moments_of_voice(SILENCE * 300 + speech, VoiceActivity())) == []


def test_a_voice_that_is_forgotten_has_to_speak_again() -> None:
    activity = VoiceActivity()
    assert list(moments_of_voice(SILENCE * 300 + spoken("good morning", "rms"), activity))
    activity.reset()
    assert list(moments_of_voice(SILENCE * 10, activity)) == []
