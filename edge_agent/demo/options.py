"""What a person may ask of the demo, and what follows from it and from this machine."""

from __future__ import annotations

import enum
import sys
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.audio.cards import Card
from edge_agent.audio.spec import PcmKind, PcmSpec
from edge_agent.core.ways import TransportKind
from edge_agent.demo.errors import DemoError
from edge_agent.protocol.dialect import Dialect

DEFAULT_TURNS = 4
ALSA_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Programs:
    """The command lines of the two processes, without their options."""

    server: tuple[str, ...] = (sys.executable, "-m", "edge_agent", "serve")
    daemon: tuple[str, ...] = (sys.executable, "-m", "edge_agent", "run")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``input`` and ``output`` are device names as in the configuration; None is what this machine suggests.

    ``json``: print one object as the last line on stdout. ``turns``: how many, 1 or more. ``keep``: folder
    that keeps configuration, logs and recording; None throws them away.
    """

    input: str | None = None
    output: str | None = None
    json: bool = False
    dialect: Dialect = Dialect.GA
    transport: TransportKind = TransportKind.WEBRTC
    turns: int = DEFAULT_TURNS
    keep: Path | None = None
    programs: Programs = Programs()


class Voice(enum.Enum):
    """Who speaks into the microphone."""

    SYNTHETIC = "synthetic"  # the demo itself
    RECORDED = "recorded"  # a WAV file that the daemon plays
    PERSON = "person"  # whoever is in front of it


@dataclass(frozen=True, slots=True)
class SoundPlan:
    """Both devices as the daemon is to open them. ``recording_s`` is how long a recorded voice lasts."""

    voice: Voice
    input: str
    output: str
    recording_s: float = 0.0

    @property
    def recording(self) -> Path | None:
        """The WAV file that the loudspeaker's side is recorded in, if any."""
        spec = PcmSpec.parse(self.output)
        return Path(spec.target) if spec.kind is PcmKind.WAV else None


def plan_sound(options: DemoOptions, cards: Iterable[Card], folder: Path, scratch: Path) -> SoundPlan:
    """Decide who speaks and where the answers go: a recording in ``folder``, a pipe in ``scratch``.

    Raises DemoError for a device name or a WAV file that can't be used.
    """
    cards = tuple(cards)
    has_cards = any(card.can_capture for card in cards) and any(card.can_play for card in cards)
    fallback = ALSA_DEFAULT if has_cards else f"file:{folder / 'loudspeaker.wav'}"
    output = str(_spec("--output", fallback if options.output is None else options.output))
    if options.input is None and not has_cards:
        return SoundPlan(Voice.SYNTHETIC, f"fifo:{scratch / 'microphone'}", output)
    heard = _spec("--input", ALSA_DEFAULT if options.input is None else options.input)
    if heard.kind is PcmKind.WAV:
        return SoundPlan(Voice.RECORDED, str(heard), output, _length_s(Path(heard.target)))
    return SoundPlan(Voice.PERSON, str(heard), output)


def _spec(option: str, name: str) -> PcmSpec:
    try:
        spec = PcmSpec.parse(name)
    except ValueError as error:
        raise DemoError(f"{option}: {error}") from error
    if spec.kind in (PcmKind.WAV, PcmKind.FIFO):
        return PcmSpec(spec.kind, str(Path(spec.target).absolute()))
    return spec


def _length_s(path: Path) -> float:
    try:
        with wave.open(str(path), "rb") as recording:
            return recording.getnframes() / recording.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise DemoError(f"--input: expected a WAV file at {path}: {error}") from error
