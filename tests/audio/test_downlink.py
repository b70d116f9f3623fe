from __future__ import annotations

import audioop

from edge_agent.audio.downlink import Downlink
from edge_agent.audio.opus import OpusEncoder, OpusSettings
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SAMPLE_BYTES, SILENCE
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.samples import AUDIBLE_PEAK
from tests.audio.sounds import tone

BLOCK = tone(800, 0.2)[:PERIOD_BYTES]


def test_decoded_sound_is_played_as_it_is() -> None:
    downlink = Downlink()
    downlink.play(BLOCK * 6)
    assert [downlink.pull(n * PERIOD_S) for n in range(7)] == [BLOCK] * 6 + [SILENCE]


def test_the_rest_that_arrives_after_a_flush_is_dropped_for_a_while() -> None:
    downlink = Downlink()
    downlink.play(BLOCK * 6)
    downlink.pull(10.0)
    downlink.flush(10.01, ignore_s=0.1)
    for n in range(10):
        downlink.play(BLOCK)
        assert downlink.pull(10.01 + n * PERIOD_S) == SILENCE
    assert downlink.pull(10.12) == SILENCE
    downlink.play(BLOCK * 4)
    assert downlink.pull(10.13) == BLOCK


def test_nothing_of_an_answer_that_was_flushed_is_heard_when_silence_follows_it() -> None:
    encoder, downlink = OpusEncoder(OpusSettings()), Downlink()

    def receive(number: int, pcm: bytes) -> None:
        downlink.receive(RtpPacket(1, number, number * 960, encoder.encode(pcm), number * 2 * PERIOD_S))

    for number in range(50):
        receive(number, tone(250, 2 * PERIOD_S))
        heard = [downlink.pull((2 * number + half) * PERIOD_S + 0.001) for half in (0, 1)]
    assert audioop.max(b"".join(heard), SAMPLE_BYTES) > AUDIBLE_PEAK
    downlink.flush(1.0, ignore_s=0.1)
    heard = []
    for number in range(50, 100):
        receive(number, SILENCE * 2)
        heard += [downlink.pull((2 * number + half) * PERIOD_S + 0.001) for half in (0, 1)]
    assert audioop.max(b"".join(heard), SAMPLE_BYTES) < AUDIBLE_PEAK
