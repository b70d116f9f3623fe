"""Pins to edges: every change of a contact is told at once, bounces included. Others decide what it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from edge_agent.errors import PinError
from edge_agent.gpio.factory import Factory, pin_faults
from edge_agent.gpio.settings import ButtonWiring


class Buttons:
    """All buttons of the device.

    ``on_edge(name, pressed)`` is called for each change in the thread of the pin library, so it must only
    hand the edge over. A button that is down at the start tells nothing until it is released. The library's
    own debouncing stays off: it means something else with every kind of pin.
    """

    def __init__(
        self, wiring: Sequence[ButtonWiring], factory: Factory | None, on_edge: Callable[[str, bool], None]
    ) -> None:
        """Take the pins. Without a factory there are no buttons.

        Raises PinError, with button and pin named, when a pin is in use or does not exist; no pin stays taken
        then.
        """
        self._devices: list[Any] = []
        if factory is None:
            return
        try:
            for button in wiring:
                self._devices.append(_open(button, factory, on_edge))
        except PinError:
            self.close()
            raise

    def close(self) -> None:
        """Tell no more edges and give the pins back. May be called twice."""
        while self._devices:
            self._devices.pop().close()


def _open(button: ButtonWiring, factory: Factory, on_edge: Callable[[str, bool], None]) -> Any:
    """Return the ``gpiozero.DigitalInputDevice``; gpiozero has no types."""
    from gpiozero import DigitalInputDevice

    try:
        device = DigitalInputDevice(
            button.pin,
            pull_up=button.active_low if button.pull else None,
            active_state=None if button.pull else not button.active_low,
            pin_factory=factory,
        )
    except pin_faults() as error:
        message = f"gpio.buttons: {button.name} on GPIO{button.pin} can't be used: {error}"
        raise PinError(message) from error
    device.when_activated = partial(on_edge, button.name, True)
    device.when_deactivated = partial(on_edge, button.name, False)
    return device
