from __future__ import annotations

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory

from edge_agent.core.indicator import PATTERNS, color_at
from edge_agent.core.status import AgentState
from edge_agent.errors import PinError
from edge_agent.gpio.leds import Leds
from edge_agent.gpio.settings import LedKind, LedSettings

RGB = LedSettings(LedKind.RGB, (5, 6, 13))


def levels(factory: MockFactory, *pins: int) -> list[float]:
    return [factory.pin(pin).state for pin in pins]


def test_an_rgb_led_shows_the_colour(factory: MockFactory) -> None:
    leds = Leds([RGB], factory)
    leds.show((0.25, 0.5, 1.0))
    assert levels(factory, 5, 6, 13) == [0.25, 0.5, 1.0]
    leds.close()


def test_brightness_scales_every_led_that_can_be_dimmed(factory: MockFactory) -> None:
    rgb = LedSettings(LedKind.RGB, (5, 6, 13), brightness=0.5)
    pwm = LedSettings(LedKind.PWM, (12,), brightness=0.1)
    leds = Leds([rgb, pwm], factory)
    leds.show((0.0, 0.5, 1.0))
    assert levels(factory, 5, 6, 13, 12) == [0.0, 0.25, 0.5, 0.1]
    leds.close()


def test_an_led_of_one_colour_shows_the_strongest_part(factory: MockFactory) -> None:
    leds = Leds([LedSettings(LedKind.PWM, (12,))], factory)
    leds.show((0.1, 0.7, 0.3))
    assert levels(factory, 12) == [0.7]
    leds.close()


def test_a_plain_led_is_lit_by_every_steady_pattern_however_dim(factory: MockFactory) -> None:
    leds = Leds([LedSettings(LedKind.LED, (17,), brightness=0.1)], factory)
    leds.show(color_at(PATTERNS[AgentState.READY], 0.0))
    assert levels(factory, 17) == [1.0]
    leds.show(color_at(PATTERNS[AgentState.IDLE], 0.0))
    assert levels(factory, 17) == [0.0]
    leds.close()


def test_an_led_to_the_supply_is_lit_by_a_low_pin(factory: MockFactory) -> None:
    leds = Leds([LedSettings(LedKind.PWM, (12,), active_high=False)], factory)
    assert levels(factory, 12) == [1.0]
    leds.show((0.0, 0.75, 0.0))
    assert levels(factory, 12) == [0.25]
    leds.close()


def test_the_same_colour_again_does_not_touch_the_pins(factory: MockFactory) -> None:
    leds = Leds([RGB], factory)
    leds.show((0.25, 0.5, 1.0))
    factory.pin(5).clear_states()
    leds.show((0.25, 0.5, 1.0))
    assert len(factory.pin(5).states) == 1
    leds.close()


def test_closing_leaves_the_leds_dark_and_the_pins_free(factory: MockFactory) -> None:
    settings = [RGB, LedSettings(LedKind.PWM, (12,)), LedSettings(LedKind.LED, (17,))]
    leds = Leds(settings, factory)
    leds.show((1.0, 1.0, 1.0))
    leds.close()
    leds.close()
    assert levels(factory, 5, 6, 13, 12, 17) == [0.0] * 5
    Leds(settings, factory).close()


def test_without_pins_nothing_is_shown_and_nothing_fails() -> None:
    leds = Leds([RGB], None)
    leds.show((1.0, 0.0, 0.0))
    assert not leds.are_present
    leds.close()


def test_a_pin_in_use_is_named_and_no_other_pin_stays_taken(factory: MockFactory) -> None:
    other = LED(6, pin_factory=factory)
    with pytest.raises(PinError, match=r"gpio\.leds: rgb on GPIO5, GPIO6, GPIO13 can't be used: .*in use"):
        Leds([LedSettings(LedKind.LED, (17,)), RGB], factory)
    other.close()
    Leds([LedSettings(LedKind.LED, (17,)), RGB], factory).close()


def test_a_pin_that_does_not_exist_is_named(factory: MockFactory) -> None:
    with pytest.raises(PinError, match=r"pwm on GPIO99 can't be used"):
        Leds([LedSettings(LedKind.PWM, (99,))], factory)


@pytest.mark.parametrize(("kind", "pins"), [(LedKind.RGB, (5, 6)), (LedKind.LED, ()), (LedKind.PWM, (1, 2))])
def test_a_wrong_number_of_pins_is_refused(
    factory: MockFactory, kind: LedKind, pins: tuple[int, ...]
) -> None:
    with pytest.raises(PinError, match=f"{kind.value} takes {kind.pin_count} pins"):
        Leds([LedSettings(kind, pins)], factory)
