"""The wake word, found on the device: microWakeWord's small models, by the package pymicro-wakeword.

The only file that imports pymicro_wakeword; it is imported only where it is wanted. A model takes the sound
in steps of 30 ms, and says how sure it is of the word over the last few of them:
https://github.com/kahrendt/microWakeWord. What it costs: 6 ms of one core for a second of sound, and 3 ms to
bring it to 16 kHz (an EPYC that others used as well).
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.audio.resample import Resampler
from edge_agent.core.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ
from edge_agent.errors import ConfigError

if TYPE_CHECKING:
    from pymicro_wakeword import MicroWakeWord

PACKAGES = ("pymicro_wakeword", "pymicro_features", "numpy")
"""What the wake word needs."""

MODEL_RATE_HZ = 16_000
"""What the models were trained with."""


TRIAL_S = 1
"""How much silence a model of the user's own has to survive before it is used."""

TRIAL_LIMIT_S = 60.0
"""The trial takes 0.4 s on a PC; loading numpy takes a small board seconds."""


@dataclass(frozen=True, slots=True)
class WakeWordSettings:
    """Which word. ``model``: the user's own, a .json of microWakeWord with its .tflite beside it; None: the
    model that the package brings for ``word``. ``threshold``: 0 to 1, how sure it has to be; None: as the
    model says."""

    word: str = "okay_nabu"
    model: Path | None = None
    threshold: float | None = None


def is_installed() -> bool:
    """Return whether this machine has what the wake word needs. Loads nothing."""
    return all(importlib.util.find_spec(name) for name in PACKAGES)


class WakeWord:
    """Listens for one word in 48 kHz mono s16. For one thread.

    Raises ConfigError where the package is not installed or a model can't be used. The packages are loaded
    here and not before: they and the model need 30 MiB.
    """

    def __init__(self, settings: WakeWordSettings) -> None:
        if not is_installed():
            raise ConfigError(
                "mode: wake-word needs a package that is not installed; "
                "install it with: pip install 'edge-agent[wake]', or set another mode"
            )
        from pymicro_wakeword import MicroWakeWordFeatures

        self._model = _load(settings)
        self._features = MicroWakeWordFeatures()
        self._resampler = Resampler(SAMPLE_RATE_HZ, 1, MODEL_RATE_HZ)
        cutoff = self._model.probability_cutoff
        self._threshold = cutoff if settings.threshold is None else settings.threshold
        self.word = str(self._model.wake_word)
        """The word as its model names it."""

    def hear(self, pcm: bytes) -> bool:
        """Take more sound, of any length; returns whether the word was in it."""
        steps = self._features.process_streaming(self._resampler.feed(pcm))
        sure = [self._model.process_streaming_prob(step) or 0.0 for step in steps]
        return max(sure, default=0.0) > self._threshold

    def reset(self) -> None:
        """Forget what was heard: the sound does not go on from there."""
        self._model.reset()
        self._features.reset()
        self._resampler = Resampler(SAMPLE_RATE_HZ, 1, MODEL_RATE_HZ)


def _load(settings: WakeWordSettings) -> MicroWakeWord:
    from pymicro_wakeword import MicroWakeWord, Model

    where = f"wake.word: {settings.word}" if settings.model is None else f"wake.model: {settings.model}"
    try:
        if settings.model is None:
            return MicroWakeWord.from_builtin(Model(settings.word))
        _check(settings.model)
        return MicroWakeWord.from_config(settings.model)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, subprocess.SubprocessError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"{where}: expected a model of microWakeWord (a .json and its .tflite beside it), got {reason}"
        ) from error


def _check(description: Path) -> None:
    """Look at the files before this process uses them. Raises OSError, ValueError, KeyError or TypeError.

    TensorFlow Lite checks nothing: a process dies of a model that is broken, so another one tries it.
    """
    model = description.parent / json.loads(description.read_text("utf-8"))["model"]
    model.open("rb").close()
    trial = subprocess.run(
        [sys.executable, "-m", "pymicro_wakeword", "--config", str(description)],
        input=bytes(TRIAL_S * MODEL_RATE_HZ * SAMPLE_BYTES),
        capture_output=True,
        timeout=TRIAL_LIMIT_S,
        check=False,
    )
    if trial.returncode:
        raise ValueError(f"{model} is broken, or no TensorFlow Lite model")
