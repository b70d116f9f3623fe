"""The names by which the configuration and the command line call a sound device."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_agent.audio.device import DeviceSettings, PcmInput, PcmOutput
from edge_agent.audio.fifo import FifoInput, FifoOutput
from edge_agent.audio.null import NullInput, NullOutput
from edge_agent.audio.resting import RestingOutput
from edge_agent.audio.wavfile import WavInput, WavOutput

EXPECTED = "an ALSA device (default, plughw:CARD=Device), file:PATH.wav, fifo:PATH or null"


class PcmKind(enum.Enum):
    """What a device is made of; the value is the prefix of its name."""

    ALSA = ""
    WAV = "file:"
    FIFO = "fifo:"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class PcmSpec:
    """One device: its kind and the ALSA name or the path."""

    kind: PcmKind
    target: str

    @classmethod
    def parse(cls, text: str) -> PcmSpec:
        """Read a name as a person writes it. Raises ValueError that says what was expected."""
        if text == PcmKind.NULL.value:
            return cls(PcmKind.NULL, "")
        for kind in (PcmKind.WAV, PcmKind.FIFO):
            if text.startswith(kind.value):
                return cls(kind, _path(text, kind))
        if not text or text != text.strip() or not text.isprintable():
            raise ValueError(f"expected {EXPECTED}; got {text!r}")
        return cls(PcmKind.ALSA, text)

    def __str__(self) -> str:
        """The name as a person writes it."""
        return f"{self.kind.value}{self.target}"


def open_input(spec: PcmSpec, settings: DeviceSettings) -> PcmInput:
    """Open a microphone. Raises AudioDeviceError."""
    match spec.kind:
        case PcmKind.ALSA:
            from edge_agent.audio.alsa import AlsaInput  # libasound is of no use to the other kinds

            return AlsaInput.open(spec.target, settings)
        case PcmKind.WAV:
            return WavInput(Path(spec.target), settings.capture_periods)
        case PcmKind.FIFO:
            return FifoInput(Path(spec.target), settings.capture_periods)
        case PcmKind.NULL:
            return NullInput(settings.capture_periods)


def open_output(spec: PcmSpec, settings: DeviceSettings) -> PcmOutput:
    """Open a loudspeaker. Raises AudioDeviceError."""
    match spec.kind:
        case PcmKind.ALSA:
            from edge_agent.audio.alsa import AlsaOutput

            card = partial(AlsaOutput.open, spec.target, settings)
            return card() if settings.keep_awake else RestingOutput(card)
        case PcmKind.WAV:
            return WavOutput(Path(spec.target))
        case PcmKind.FIFO:
            return FifoOutput(Path(spec.target))
        case PcmKind.NULL:
            return NullOutput()


def _path(text: str, kind: PcmKind) -> str:
    path = text.removeprefix(kind.value)
    is_wav = kind is PcmKind.WAV
    if not path or (is_wav and not path.lower().endswith(".wav")):
        raise ValueError(f"expected {kind.value}PATH{'.wav' if is_wav else ''}; got {text!r}")
    return path
