"""Whether and how the loudspeaker's sound is taken out of the microphone's."""

from __future__ import annotations

import enum
import importlib.util
from dataclasses import dataclass
from typing import Protocol

from edge_agent.errors import ConfigError

PACKAGES = ("pywebrtc_audio", "numpy")
"""What echo cancellation in software needs."""


class EchoCanceller(Protocol):
    """Cleans one block at a time; all calls come from the capture thread."""

    def process(self, near: bytes, far: bytes) -> bytes:
        """Return a block of ``near``, the microphone, without ``far``, what was played; b"": nothing.

        All are as many whole periods of 48 kHz mono, signed 16 bit. What is returned may be some milliseconds
        late, always by as much. ``far`` may come half a second before its echo, but not after it.
        """


class Cancellation(enum.Enum):
    """Who takes the echo out."""

    AUTO = "auto"  # software if it is installed, else nobody
    SOFTWARE = "software"
    HARDWARE = "hardware"  # the sound device, or the sound server
    OFF = "off"


class NoiseSuppression(enum.Enum):
    """How strongly steady noise is reduced while the loudspeaker sounds."""

    NONE = "none"
    LOW = "low"  # 6 dB
    MODERATE = "moderate"  # 12 dB
    HIGH = "high"  # 18 dB
    VERY_HIGH = "very-high"  # 21 dB


@dataclass(frozen=True, slots=True)
class EchoSettings:
    """Settings of the echo cancellation.

    Without noise suppression by default: it makes the microphone 6 ms later, and the noise come and go with
    the loudspeaker, and does not show a person's voice any sooner or clearer.
    """

    cancellation: Cancellation = Cancellation.AUTO
    noise_suppression: NoiseSuppression = NoiseSuppression.NONE


def is_installed() -> bool:
    """Return whether this machine has what echo cancellation in software needs. Loads nothing."""
    return all(importlib.util.find_spec(name) for name in PACKAGES)


def is_cancelled(settings: EchoSettings) -> bool:
    """Return whether the microphone's sound is freed of the loudspeaker's.

    Raises ConfigError if the settings demand what is not installed.
    """
    match settings.cancellation:
        case Cancellation.SOFTWARE if not is_installed():
            raise ConfigError(
                "sound.echo.cancellation: software needs a package that is not installed; "
                "install it with: pip install 'edge-agent[aec]', or set auto or off"
            )
        case Cancellation.AUTO:
            return is_installed()
        case cancellation:
            return cancellation is not Cancellation.OFF


def open_canceller(settings: EchoSettings) -> EchoCanceller | None:
    """Return the canceller that the settings ask for, None where that is not done here: half duplex, or the
    device or the sound server does it. Raises ConfigError like :func:`is_cancelled`.

    The packages are loaded here and not before: numpy alone needs 14 MiB.
    """
    if not is_cancelled(settings) or settings.cancellation is Cancellation.HARDWARE:
        return None
    from edge_agent.audio.aec3 import Aec3

    return Aec3(settings.noise_suppression)
