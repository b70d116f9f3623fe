"""Getting at the pins of this machine, or a plain sentence why there are none.

gpiozero is imported when the first pin is wanted: it takes 2 MiB that a device without pins need not have.
"""

from __future__ import annotations

import enum
import importlib
import sys
from pathlib import Path
from typing import Any, Protocol

DEV = Path("/dev")
"""Where the kernel shows GPIO chips as ``gpiochip0`` and so on."""


class Factory(Protocol):
    """Where pins come from: a ``gpiozero.pins.Factory``, which has no types of its own."""

    def pin(self, name: int | str) -> Any: ...

    def close(self) -> None: ...


class FactoryKind(enum.Enum):
    """Which pins to use. The value is the name in the configuration."""

    AUTO = "auto"  # real ones if this machine has any
    LGPIO = "lgpio"  # real ones
    MOCK = "mock"  # pretended ones that remember what happened to them, for tests and for bring-up
    NONE = "none"  # LEDs and buttons are not used


def open_factory(kind: FactoryKind, dev: Path = DEV) -> tuple[Factory | None, str]:
    """Return the pin factory and "", or None and the reason with the next step for the user. Never raises.

    ``dev`` is the folder in which to look for GPIO chips.
    """
    if kind is FactoryKind.NONE:
        return None, "gpio.factory is none"
    if kind is FactoryKind.MOCK:
        from gpiozero.pins.mock import MockFactory, MockPWMPin

        factory: Factory = MockFactory(pin_class=MockPWMPin)
        return factory, ""
    if not any(dev.glob("gpiochip*")):
        return None, f"this machine has no GPIO chip ({dev}/gpiochip*)"
    return _open_lgpio()


def _open_lgpio() -> tuple[Factory | None, str]:
    """Open the first GPIO chip through lgpio.

    lgpio makes a named pipe in ``LG_WD`` or the working directory when it is imported, and fails with an
    OSError where it can't.
    """
    try:
        importlib.import_module("lgpio")
    except ImportError:
        return None, "the lgpio library is missing (on Raspberry Pi OS: apt install python3-lgpio)"
    except OSError as error:
        return None, f"lgpio can't write to its working directory ({error}); set LG_WD to one it may write to"
    try:
        factory: Factory = importlib.import_module("gpiozero.pins.lgpio").LGPIOFactory()
    except pin_faults() as error:
        return None, f"the GPIO chip can't be used ({error}); is this user in the group gpio?"
    return factory, ""


def pin_faults() -> tuple[type[Exception], ...]:
    """Return what pins may raise: gpiozero's errors, the system's, and those of lgpio if it is in use."""
    from gpiozero import GPIOZeroError

    lgpio = sys.modules.get("lgpio")
    return (GPIOZeroError, OSError) if lgpio is None else (GPIOZeroError, OSError, lgpio.error)
