"""Repetition comes after what libopus is good for, at the pitch of what was real, and dies away."""

from __future__ import annotations

import random
from array import array
from itertools import pairwise

import pytest

from edge_agent.core.pcm import SAMPLE_BYTES
from edge_agent.core.playout.repeating import DECODER_GAIN, LIBOPUS_ALONE_SAMPLES, REPEATED_GAIN, Repeating
from edge_agent.core.playout.samples import peak, repetition
from tests.core.playout.scenes import PITCH_SAMPLES, voice

BLOCK_SAMPLES = 480
REAL_SAMPLES = 1_920
SILENCE = bytes(BLOCK_SAMPLES * SAMPLE_BYTES)


def after_a_voice() -> Repeating:
    repeating = Repeating()
    repeating.heard(voice(0, REAL_SAMPLES))
    return repeating


def go_on(repeating: Repeating, blocks: int, made_up: bytes = SILENCE) -> bytes:
    return b"".join(repeating.go_on(made_up) for _ in range(blocks))


def test_one_packet_is_left_to_the_decoder() -> None:
    repeating = after_a_voice()
    made_up = bytes(range(240)) * 4
    assert go_on(repeating, LIBOPUS_ALONE_SAMPLES // BLOCK_SAMPLES, made_up) == made_up * 2


def test_what_is_repeated_goes_on_in_phase() -> None:
    repeated = go_on(after_a_voice(), 4)
    real = voice(REAL_SAMPLES, 4 * BLOCK_SAMPLES)
    at = 3 * BLOCK_SAMPLES * SAMPLE_BYTES
    both = repeated[at:] + real[at : at + 3 * PITCH_SAMPLES * SAMPLE_BYTES]
    lag, likeness = repetition(both, PITCH_SAMPLES)
    assert lag == PITCH_SAMPLES
    assert likeness > 0.9


def test_it_dies_away_and_the_decoder_with_it() -> None:
    repeating = after_a_voice()
    loudest, ends = REPEATED_GAIN[1][0] // BLOCK_SAMPLES, REPEATED_GAIN[-1][0] // BLOCK_SAMPLES
    go_on(repeating, loudest)
    peaks = [peak(repeating.go_on(SILENCE)) for _ in range(loudest, ends)]
    assert all(before > after > 0 for before, after in pairwise(peaks))
    assert repeating.go_on(voice(0, BLOCK_SAMPLES)) == SILENCE


def test_both_together_are_never_louder_than_one() -> None:
    loud = array("h", [32_767, -32_768] * (BLOCK_SAMPLES // 2)).tobytes()
    repeating = Repeating()
    repeating.heard(loud * 4)
    for _ in range(12):
        assert peak(repeating.go_on(loud)) <= 32_768
    for at in range(0, REPEATED_GAIN[-1][0], 60):
        assert _value(DECODER_GAIN, at) + _value(REPEATED_GAIN, at) <= 1.0


def _value(curve: tuple[tuple[int, float], ...], at: int) -> float:
    for (begins, before), (ends, after) in pairwise(curve):
        if at <= ends:
            return before + (after - before) * max(0.0, (at - begins) / (ends - begins))
    return curve[-1][1]


def test_what_is_real_begins_it_anew() -> None:
    repeating = after_a_voice()
    first = go_on(repeating, 10)
    repeating.heard(voice(0, REAL_SAMPLES))
    assert go_on(repeating, 10) == first


def test_after_a_reset_nothing_is_repeated() -> None:
    repeating = after_a_voice()
    go_on(repeating, 6)
    repeating.reset()
    repeating.heard(SILENCE[:240])
    assert go_on(repeating, 10) == SILENCE * 10


@pytest.mark.parametrize("sound", ["silence", "noise", "nothing"])
def test_any_sound_can_be_repeated(sound: str) -> None:
    chance = random.Random(1)
    repeating = Repeating()
    if sound != "nothing":
        noise = array("h", (chance.randrange(-32_768, 32_768) for _ in range(REAL_SAMPLES)))
        repeating.heard(noise.tobytes() if sound == "noise" else bytes(REAL_SAMPLES * SAMPLE_BYTES))
    repeated = go_on(repeating, 12)
    assert len(repeated) == 12 * len(SILENCE)
    assert (peak(repeated) > 0) is (sound == "noise")


@pytest.mark.parametrize("samples", [120, 240, 960])
def test_blocks_of_any_length_come_back_as_long(samples: int) -> None:
    repeating = after_a_voice()
    for _ in range(4_800 // samples):
        assert len(repeating.go_on(bytes(samples * SAMPLE_BYTES))) == samples * SAMPLE_BYTES
