from __future__ import annotations

import pytest

from edge_agent.audio import pace
from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.pace import CATCH_UP_LIMIT_S, Pacer
from edge_agent.core.pcm import PERIOD_S
from tests.audio.fakes import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def test_periods_do_not_drift(clock: Clock) -> None:
    pacer = Pacer()
    for _ in range(100):
        clock.now += 0.003  # work between the periods
        pacer.move()
        pacer.wait()
    assert clock.now == pytest.approx(1000.003 + 100 * PERIOD_S)


def test_a_short_stall_is_caught_up(clock: Clock) -> None:
    pacer = Pacer()
    pacer.move()
    pacer.wait()
    clock.now += CATCH_UP_LIMIT_S - 0.1
    for _ in range(100):
        pacer.move()
        pacer.wait()
    assert clock.now == pytest.approx(1000 + 101 * PERIOD_S)


def test_a_long_stall_is_not_made_up_for(clock: Clock) -> None:
    pacer = Pacer()
    pacer.move()
    pacer.wait()
    clock.now += 3600
    resumed_s = clock.now
    pacer.move()
    pacer.wait()
    assert clock.now == pytest.approx(resumed_s + PERIOD_S)


def test_a_wait_can_be_interrupted() -> None:
    interrupt = Interrupt()
    pacer = Pacer()
    pacer.move(3600.0)
    interrupt.set()
    pacer.wait(interrupt)
