from __future__ import annotations

from edge_agent.audio.downlink import Downlink
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE
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
