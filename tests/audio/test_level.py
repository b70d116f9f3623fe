from __future__ import annotations

import pytest

from edge_agent.audio.level import FALL_DB_PER_S, FLOOR_DBFS, PeakMeter, from_dbfs, to_dbfs
from edge_agent.core.pcm import PERIOD_S


@pytest.mark.parametrize(("magnitude", "level_dbfs"), [(32_768, 0.0), (3276.8, -20.0), (0, FLOOR_DBFS)])
def test_levels_are_relative_to_full_scale(magnitude: float, level_dbfs: float) -> None:
    assert to_dbfs(magnitude) == pytest.approx(level_dbfs)


def test_a_level_and_its_magnitude_are_the_same_thing() -> None:
    assert to_dbfs(from_dbfs(-37.5)) == pytest.approx(-37.5)


def test_the_meter_jumps_up_and_falls_at_the_standard_speed() -> None:
    meter = PeakMeter()
    meter.feed(3277, PERIOD_S)
    assert meter.level_dbfs == pytest.approx(-20.0, abs=0.01)
    for _ in range(round(1 / PERIOD_S)):
        meter.feed(0, PERIOD_S)
    assert meter.level_dbfs == pytest.approx(-20.0 - FALL_DB_PER_S, abs=0.1)
    meter.reset()
    assert meter.level_dbfs == FLOOR_DBFS


def test_ten_minutes_of_digital_silence_are_shown_as_silence() -> None:
    meter = PeakMeter()
    meter.feed(32_767, PERIOD_S)
    for _ in range(round(600 / PERIOD_S)):
        meter.feed(0, PERIOD_S)
    assert meter.level_dbfs == FLOOR_DBFS
    assert to_dbfs(5e-324) == FLOOR_DBFS
