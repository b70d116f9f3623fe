"""How LEDs and buttons are wired. Pin numbers are BCM numbers ("GPIO17"), not places on the header."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class LedKind(enum.Enum):
    """What an LED can show."""

    LED = "led"  # on or off
    PWM = "pwm"  # one colour, any brightness
    RGB = "rgb"  # any colour

    @property
    def pin_count(self) -> int:
        """How many pins it takes."""
        return 3 if self is LedKind.RGB else 1


@dataclass(frozen=True, slots=True)
class LedSettings:
    """One LED: ``pins`` holds one BCM number, or three (red, green, blue) for an RGB LED.

    ``active_high``: the LED is lit when its pin is high (common cathode). ``brightness`` (0.0 to 1.0) scales
    what patterns ask for, where the LED can be dimmed.
    """

    kind: LedKind
    pins: tuple[int, ...]
    active_high: bool = True
    brightness: float = 1.0


@dataclass(frozen=True, slots=True)
class ButtonWiring:
    """One button on BCM ``pin``, known to the agent as ``name``.

    ``active_low``: the contact pulls the pin to ground. ``pull``: the processor's own resistor holds the pin
    at the released level; without it the board must have one.
    """

    name: str
    pin: int
    active_low: bool = True
    pull: bool = True
