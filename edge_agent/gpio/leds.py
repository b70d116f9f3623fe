"""Colours to pins: every LED shows the agent's colour as well as it can."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from edge_agent.core.indicator import DARK, LIT_LEVEL, Color, level_of, scaled
from edge_agent.errors import PinError
from edge_agent.gpio.factory import Factory, pin_faults
from edge_agent.gpio.settings import LedKind, LedSettings

logger = logging.getLogger(__name__)


class Lamp(Protocol):
    """What gpiozero's LED, PWMLED and RGBLED have in common; ``value`` is a bool, a number or a colour."""

    value: bool | float | Color

    def off(self) -> None: ...

    def close(self) -> None: ...


class Leds:
    """All LEDs of the device; they always show the same. Dark from the start until the first :meth:`show`."""

    def __init__(self, settings: Sequence[LedSettings], factory: Factory | None) -> None:
        """Take the pins. Without a factory there are no LEDs, and showing a colour does nothing.

        Raises PinError, with the pins named, when one of them is in use or does not exist, or when there are
        too few or too many; no pin stays taken then.
        """
        self._shown = DARK
        self._lamps: list[tuple[Lamp, Callable[[Color], None]]] = []
        if factory is None:
            return
        try:
            for led in settings:
                lamp = _open(led, factory)
                self._lamps.append((lamp, partial(_SHOW[led.kind], lamp, led.brightness)))
        except PinError:
            self.close()
            raise

    @property
    def are_present(self) -> bool:
        """Whether there is an LED to show anything on."""
        return bool(self._lamps)

    def show(self, color: Color) -> None:
        """Show ``color`` on every LED. Raises PinError when a pin can't be written any more."""
        if color == self._shown:
            return
        self._shown = color
        try:
            for _, show in self._lamps:
                show(color)
        except pin_faults() as error:
            raise PinError(f"gpio.leds: an LED can't be written: {error}") from error

    def close(self) -> None:
        """Switch every LED off and give the pins back. May be called twice."""
        while self._lamps:
            lamp, _ = self._lamps.pop()
            try:
                lamp.off()
                lamp.close()
            except pin_faults() as error:
                logger.warning("gpio.leds: an LED can't be switched off: %s", error)


def _open(led: LedSettings, factory: Factory) -> Lamp:
    from gpiozero import LED, PWMLED, RGBLED

    named = ", ".join(f"GPIO{pin}" for pin in led.pins) or "no pin"
    if len(led.pins) != led.kind.pin_count:
        raise PinError(f"gpio.leds: {led.kind.value} takes {led.kind.pin_count} pins, not {named}")
    device = {LedKind.LED: LED, LedKind.PWM: PWMLED, LedKind.RGB: RGBLED}[led.kind]
    try:
        lamp: Lamp = device(*led.pins, active_high=led.active_high, pin_factory=factory)
    except pin_faults() as error:
        raise PinError(f"gpio.leds: {led.kind.value} on {named} can't be used: {error}") from error
    return lamp


def _switch(lamp: Lamp, _brightness: float, color: Color) -> None:
    lamp.value = level_of(color) >= LIT_LEVEL


def _dim(lamp: Lamp, brightness: float, color: Color) -> None:
    lamp.value = level_of(color) * brightness


def _mix(lamp: Lamp, brightness: float, color: Color) -> None:
    lamp.value = scaled(color, brightness)


_SHOW: dict[LedKind, Callable[[Lamp, float, Color], None]] = {
    LedKind.LED: _switch,
    LedKind.PWM: _dim,
    LedKind.RGB: _mix,
}
