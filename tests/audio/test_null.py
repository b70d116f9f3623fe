from __future__ import annotations

import time

import pytest

from edge_agent.audio.null import NullInput, NullOutput
from edge_agent.core.pcm import PERIOD_S, SILENCE


@pytest.mark.parametrize("block_periods", [1, 2])
def test_a_silent_room_keeps_real_time(block_periods: int) -> None:
    room = NullInput(block_periods)
    began_s = time.monotonic()
    assert {room.read() for _ in range(10 // block_periods)} == {SILENCE * block_periods}
    assert time.monotonic() - began_s >= 10 * PERIOD_S - 0.001
    room.close()


def test_a_loudspeaker_that_nobody_hears_keeps_real_time() -> None:
    nobody = NullOutput()
    began_s = time.monotonic()
    for _ in range(10):
        nobody.write(SILENCE)
    nobody.wait()
    nobody.drop()
    assert nobody.queued_s() == 0
    assert time.monotonic() - began_s >= 10 * PERIOD_S - 0.001
    nobody.close()
