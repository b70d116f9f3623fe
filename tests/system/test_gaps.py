"""The measure of gaps, held against sounds whose gaps are known."""

from __future__ import annotations

import asyncio

import av
import numpy as np
import pytest

from edge_agent.server.voice import SAMPLE_RATE_HZ, Speech, Voice
from tests.system.gaps import RATE_HZ, STRETCH, WINDOW_SAMPLES, Samples, longest_gap
from tests.system.loudspeaker import SYLLABLE_S

TEXT = "Seven plus five is twelve. You said: what day is it today."
LOUD_AT_S = (0.3, 1.1, 2.0)
PACKET_S = 0.020
WINDOW_S = WINDOW_SAMPLES / RATE_HZ
MS = RATE_HZ // 1000


@pytest.fixture(scope="module")
def speech() -> Speech:
    speech = asyncio.run(Voice().speak(TEXT))
    assert speech is not None
    assert SAMPLE_RATE_HZ == RATE_HZ
    return speech


@pytest.fixture(scope="module")
def said(speech: Speech) -> Samples:
    return np.frombuffer(speech.pcm, np.int16).astype(float)


@pytest.fixture(scope="module")
def heard(speech: Speech) -> Samples:
    """What a decoder makes of the packets, half as loud, with a second of silence around it."""
    decoder = av.CodecContext.create("libopus", "r")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    decoded = [frame for packet in speech.packets for frame in decoder.decode(av.Packet(packet))]
    frames = [out.to_ndarray()[0] for frame in decoded for out in resampler.resample(frame)]
    silence = np.zeros(RATE_HZ)
    return np.concatenate((silence, *frames, silence)) / 2


def loudest_near(said: Samples, at_s: float) -> int:
    """Where 40 ms of ``said`` are loud throughout, near that time; as a place in ``heard``."""
    begin = round(at_s * RATE_HZ)
    levels = {at: np.abs(said[at : at + 40 * MS]).mean() for at in range(begin, begin + 300 * MS, 5 * MS)}
    return RATE_HZ + max(levels, key=lambda at: levels[at])


def test_codec_and_level_are_no_gap(said: Samples, heard: Samples) -> None:
    assert longest_gap(said, heard).length_s <= 0.005


@pytest.mark.parametrize("at_s", LOUD_AT_S)
@pytest.mark.parametrize("gap_ms", [30, 40, 100])
def test_silence_in_place_of_sound_is_a_gap(said: Samples, heard: Samples, at_s: float, gap_ms: int) -> None:
    at = loudest_near(said, at_s)
    broken = heard.copy()
    broken[at : at + gap_ms * MS] = 0
    gap = longest_gap(said, broken)
    assert gap.length_s > PACKET_S
    assert gap.at_s == pytest.approx(at / RATE_HZ, abs=WINDOW_S / 2)
    if gap_ms == 40:
        assert gap.length_s == pytest.approx(0.040, abs=0.010)


@pytest.mark.parametrize("at_s", LOUD_AT_S)
def test_sound_that_was_left_out_is_a_gap(said: Samples, heard: Samples, at_s: float) -> None:
    at = loudest_near(said, at_s)
    cut = np.delete(heard, slice(at, at + 40 * MS))
    gap = longest_gap(said, cut)
    assert gap.length_s == pytest.approx(0.040, abs=0.012)
    assert gap.at_s == pytest.approx(at / RATE_HZ, abs=STRETCH * PACKET_S)


@pytest.mark.parametrize("at_s", LOUD_AT_S)
def test_sound_that_was_held_up_is_a_gap(said: Samples, heard: Samples, at_s: float) -> None:
    at = loudest_near(said, at_s)
    held = np.insert(heard, at, np.zeros(40 * MS))
    gap = longest_gap(said, held)
    assert gap.length_s == pytest.approx(0.040, abs=0.012)
    assert gap.at_s == pytest.approx(at / RATE_HZ, abs=STRETCH * PACKET_S)


@pytest.mark.parametrize("at_s", LOUD_AT_S)
def test_retiming_of_ten_milliseconds_is_less_than_a_packet(
    said: Samples, heard: Samples, at_s: float
) -> None:
    at = loudest_near(said, at_s)
    shorter = np.delete(heard, slice(at, at + 10 * MS))
    longer = np.insert(heard, at, heard[at : at + 10 * MS])
    assert longest_gap(said, shorter).length_s < PACKET_S
    assert longest_gap(said, longer).length_s < PACKET_S


def test_what_was_not_heard_at_all_is_missing_as_a_whole(said: Samples) -> None:
    assert longest_gap(said, np.zeros(5 * RATE_HZ)).length_s > 0.2


def test_what_goes_on_after_the_end_of_what_was_heard_is_missing(said: Samples, heard: Samples) -> None:
    assert longest_gap(np.tile(said, 4), heard).length_s > 0.4


def test_another_sentence_does_not_stand_for_it(heard: Samples) -> None:
    other = asyncio.run(Voice().speak("It is now two minutes past one in the afternoon."))
    assert other is not None
    assert longest_gap(np.frombuffer(other.pcm, np.int16).astype(float), heard).length_s > 2 * SYLLABLE_S
