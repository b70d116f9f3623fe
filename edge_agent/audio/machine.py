"""What this machine is, how it encodes the microphone where the configuration leaves it open, and decodes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge_agent.audio.opus import NEURAL_COMPLEXITY, Application

DEVICE_TREE_MODEL = Path("/proc/device-tree/model")
"""The board's name with a zero byte at its end; machines without a device tree have no such file."""

SMALL_BOARDS = ("Pi Zero", "Pi 1", "Pi 2", "Pi 3", "Pi Model", "Pi Compute Module 3", "Pi Compute Module Rev")
"""Parts of the names of boards with Cortex-A53 cores or weaker: 14 to 22 times slower than the core that
COMPLEXITY was measured on."""

BITRATE_BPS = {Application.VOIP: 32_000, Application.AUDIO: 48_000, Application.LOW_DELAY: 48_000}
"""What a voice needs to sound clear; without the speech model (CELT alone) it needs half as much again."""

COMPLEXITY = {Application.VOIP: 5, Application.AUDIO: 5, Application.LOW_DELAY: 0}
"""VOIP, 32 kbit/s: half the work of 10 (160 us for 20 ms, libopus 1.3.1, one core of an EPYC), and as good
(PESQ 4.51, 10: 4.53). CELT, 48 kbit/s: 40 us and PESQ 4.25; 5 takes 80 us for 4.47, and no recogniser
hears that. With the whole spectrum in as many bits it would be 3.62 at 0 and 4.17 at 5."""

SMALL_COMPLEXITY = 0
"""For a small board; VOIP takes 80 us, PESQ 4.37."""

DECODER_COMPLEXITY = NEURAL_COMPLEXITY
"""With the neural network of libopus 1.5.2 PESQ is 3.34 at 5 % loss, not 3.08 (16 simulations), and 0.02 to
0.03 more where several packets are lost in a row. The first 10 ms of a hole take 0.7 ms (1.1 at most), the
next ones 0.1 each; without the network all take 0.02 (one core of a Xeon)."""

SMALL_DECODER_COMPLEXITY = 0
"""For a small board, where the first 10 ms of a hole would take longer than they sound."""


@dataclass(frozen=True, slots=True)
class Machine:
    """``model``: the board's name, "" if it has none; ``cpus``: how many processors it has."""

    model: str
    cpus: int

    @property
    def is_small(self) -> bool:
        """Whether COMPLEXITY is too much for it."""
        return self.cpus == 1 or any(name in self.model for name in SMALL_BOARDS)


@dataclass(frozen=True, slots=True)
class Encoding:
    """What is chosen for a machine; units as in :class:`~edge_agent.audio.opus.OpusSettings`."""

    application: Application
    complexity: int
    bitrate_bps: int


def encoding_for(
    machine: Machine, application: Application | None = None, needs_speech_model: bool = False
) -> Encoding:
    """Return what suits ``machine``; an ``application`` that is given stays.

    Otherwise it is LOW_DELAY, a third of the work and 4 ms less delay, unless something is wished for that
    only the speech model knows: FEC, DTX.
    """
    if application is None:
        application = Application.VOIP if needs_speech_model else Application.LOW_DELAY
    complexity = SMALL_COMPLEXITY if machine.is_small else COMPLEXITY[application]
    return Encoding(application, complexity, BITRATE_BPS[application])


def decoder_complexity_for(machine: Machine) -> int:
    """Return how much effort ``machine`` makes to conceal what is lost, 0 to 10."""
    return SMALL_DECODER_COMPLEXITY if machine.is_small else DECODER_COMPLEXITY


def this_machine(model: Path = DEVICE_TREE_MODEL) -> Machine:
    """Return what this process runs on. Raises nothing: what can't be read has no name."""
    try:
        name = model.read_text("utf-8", errors="replace")
    except OSError:
        name = ""
    return Machine(name.rstrip("\0\n"), os.cpu_count() or 1)
