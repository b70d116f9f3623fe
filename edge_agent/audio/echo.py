"""Takes the loudspeaker's sound out of the microphone's."""

from __future__ import annotations

from typing import Protocol


class EchoCanceller(Protocol):
    """Cleans one period at a time; all calls come from the capture thread."""

    def process(self, near: bytes, far: bytes) -> bytes:
        """Return a period of ``near``, the microphone, without ``far``, what was played.

        All are PERIOD_BYTES of 48 kHz mono, signed 16 bit.
        """


class Untouched:
    """No echo cancellation here: half duplex, or the device or the sound server does it."""

    def process(self, near: bytes, far: bytes) -> bytes:
        """Return ``near`` itself."""
        return near
