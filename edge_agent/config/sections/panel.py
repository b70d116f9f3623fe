"""What people see and press on the device: LEDs and buttons, and the pins behind them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.config.sections.kinds import Name, Section

Pin = Annotated[
    int,
    Meta(ge=0, le=27, extra={"expected": "the BCM number of a pin, a whole number from 0 to 27"}),
]
"""Pins of the 40-pin header by Broadcom's numbers: https://pinout.xyz."""

ActionName = Literal["conversation", "talk", "mute", "interrupt", "volume-up", "volume-down", "none"]


class Led(Section, frozen=True, tag_field="type", tag="led"):
    """An LED of one colour that is on or off."""

    pin: Annotated[Pin, Meta(description="BCM number of its pin.")]
    active_high: Annotated[bool, Meta(description="Lit when the pin is high.")] = True


class PwmLed(Section, frozen=True, tag_field="type", tag="pwmled"):
    """An LED of one colour that can be dimmed."""

    pin: Annotated[Pin, Meta(description="BCM number of its pin.")]
    active_high: Annotated[bool, Meta(description="Lit when the pin is high.")] = True
    brightness: Annotated[float, Meta(ge=0, le=1, description="Full brightness, 0 to 1.")] = 1.0


class RgbLed(Section, frozen=True, tag_field="type", tag="rgbled"):
    """An LED of three colours."""

    red: Annotated[Pin, Meta(description="BCM number of the red pin.")]
    green: Annotated[Pin, Meta(description="BCM number of the green pin.")]
    blue: Annotated[Pin, Meta(description="BCM number of the blue pin.")]
    active_high: Annotated[bool, Meta(description="Lit when the pins are high (common cathode).")] = True
    brightness: Annotated[float, Meta(ge=0, le=1, description="Full brightness, 0 to 1.")] = 1.0


class Button(Section, frozen=True):
    """A push-button. Null for a gesture: by mode; null for hold_ms: by what holding does."""

    name: Annotated[Name, Meta(description="Your name for it, as log lines show it. Each name once.")]
    pin: Annotated[Pin, Meta(description="BCM number of its pin.")]
    active_low: Annotated[bool, Meta(description="Pressing connects the pin to ground.")] = True
    pull: Annotated[bool, Meta(description="Use the processor's own pull resistor.")] = True
    tap: Annotated[ActionName | None, Meta(description="What a short press does.")] = None
    hold: Annotated[ActionName | None, Meta(description="What a long press does.")] = None
    double_tap: Annotated[ActionName | None, Meta(description="What two short presses do.")] = None
    hold_ms: Annotated[
        Annotated[int, Meta(ge=100, le=10_000)] | None, Meta(description="How long a long press is.")
    ] = None


class Gpio(Section, frozen=True):
    """Access to the pins."""

    factory: Annotated[
        Literal["auto", "lgpio", "mock", "none"],
        Meta(
            description="auto: real pins if there are any; mock: pretended ones; none: no LEDs, no buttons."
        ),
    ] = "auto"
