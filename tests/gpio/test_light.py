from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from edge_agent.core.indicator import PATTERNS, Motion, Pattern
from edge_agent.core.status import AgentState
from edge_agent.gpio.leds import Leds
from edge_agent.gpio.light import LedTask
from edge_agent.gpio.settings import LedKind, LedSettings

STEADY = PATTERNS[AgentState.READY]
BLINK = Pattern("test-blink", (0.0, 1.0, 0.0), Motion.BLINK, on_s=0.02, off_s=0.02)
PULSE = Pattern("test-pulse", (0.0, 1.0, 0.0), Motion.PULSE, on_s=0.2, off_s=0.2)
DEADLINE_S = 10.0


class CountingClock:
    """The loop's clock; counts how often it is read, that is, how often the task has something to do."""

    def __init__(self) -> None:
        self.readings = 0

    def __call__(self) -> float:
        self.readings += 1
        return asyncio.get_running_loop().time()


@asynccontextmanager
async def playing(factory: MockFactory, clock: Callable[[], float]) -> AsyncIterator[LedTask]:
    """Play on one LED at GPIO12."""
    leds = Leds([LedSettings(LedKind.PWM, (12,))], factory)
    light = LedTask(leds, clock)
    task = asyncio.create_task(light.run())
    yield light
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    leds.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  pins have no event to wait for
            await asyncio.sleep(0.005)


async def test_a_pattern_is_shown_at_once(factory: MockFactory) -> None:
    async with playing(factory, CountingClock()) as light:
        light.show(STEADY)
        await until(lambda: factory.pin(12).state == 0.3)


async def test_a_steady_pattern_costs_nothing(factory: MockFactory) -> None:
    clock = CountingClock()
    async with playing(factory, clock) as light:
        light.show(STEADY)
        await until(lambda: factory.pin(12).state == 0.3)
        readings = clock.readings
        light.show(STEADY)
        await asyncio.sleep(0.2)
        assert clock.readings == readings


async def test_a_blink_goes_on_and_off_and_stops_with_the_next_pattern(factory: MockFactory) -> None:
    async with playing(factory, CountingClock()) as light:
        light.show(BLINK)
        pin: MockPWMPin = factory.pin(12)
        await until(lambda: len(pin.states) >= 7)
        assert [change.state for change in pin.states[:7]] == [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
        light.show(STEADY)
        await until(lambda: pin.state == 0.3)


async def test_a_pulse_takes_many_levels_but_no_more_frames_than_allowed(factory: MockFactory) -> None:
    async with playing(factory, CountingClock()) as light:
        light.show(PULSE)
        pin: MockPWMPin = factory.pin(12)
        await until(lambda: len(pin.states) >= 20)
        gaps = [change.timestamp for change in pin.states[2:]]
        assert len({change.state for change in pin.states}) > 5
        assert sum(gaps) / len(gaps) >= 0.039


async def test_without_leds_the_task_ends(factory: MockFactory) -> None:
    light = LedTask(Leds([], factory), CountingClock())
    light.show(BLINK)
    async with asyncio.timeout(DEADLINE_S):
        await light.run()


async def test_an_led_that_fails_is_told_once_and_ends_the_task_without_error(
    factory: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    leds = Leds([LedSettings(LedKind.PWM, (12,))], factory)
    light = LedTask(leds, CountingClock())
    leds.show((0.0, 0.1, 0.0))
    factory.pin(12).frequency = None
    factory.pin(12).function = "input"
    light.show(STEADY)
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(DEADLINE_S):
            await light.run()
    assert len(caplog.records) == 1
    assert "no longer follow" in caplog.text
