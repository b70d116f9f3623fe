"""What can go wrong, and the exit code that tells the service manager whose fault it was.

::

    EdgeAgentError
    ├── ConfigError(ValueError)          the configuration: exit 78, no restart helps
    ├── AudioDeviceError(OSError)        a sound device: keep running, show it, retry
    ├── PinError(ValueError)             a GPIO pin: wired or configured wrongly
    ├── ControlError(OSError)            the control socket
    │   └── ControlTaken                 another agent has it: exit 75
    ├── LedgerError                      the ledger's file can't be shown
    ├── StateTaken                       another agent uses the folder of what is kept: exit 75
    ├── SignalingError                   the call could not be set up: carries a Fault
    └── IllegalTransition(RuntimeError)  our own bug: crash, the service manager restarts
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.core.faults import Fault


class ExitCode(enum.IntEnum):
    """Exit codes of every command; 75 and 78 as in sysexits(3)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BUSY = 75
    CONFIG = 78


class EdgeAgentError(Exception):
    """Anything that edge-agent raises on purpose."""


class ConfigError(EdgeAgentError, ValueError):
    """The configuration can't be used; the message lists every mistake, one a line."""


class AudioDeviceError(EdgeAgentError, OSError):
    """A sound device can't be opened, or has gone. The message names the device and the next step."""


class PinError(EdgeAgentError, ValueError):
    """A GPIO pin can't be used. The message names the configuration key and the pin."""


class ControlError(EdgeAgentError, OSError):
    """The control socket can't be opened, reached or understood. The message names its path."""


class ControlTaken(ControlError):
    """Another agent listens on the control socket."""


class LedgerError(EdgeAgentError):
    """What was used can't be shown. The message names the file and the next step."""


class StateTaken(EdgeAgentError):
    """Another agent uses the folder of what is kept. The message names both."""


class SignalingError(EdgeAgentError):
    """The call could not be set up. ``fault`` says why, for the classifier and for a person."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class IllegalTransition(EdgeAgentError, RuntimeError):
    """A state machine was asked for a move that its table does not hold: a bug of ours."""
