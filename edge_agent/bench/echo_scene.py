"""A room with a loudspeaker and a microphone, computed: what was played, what the microphone hears of it.

Everything is made, nothing recorded: flite's voices, a loudspeaker that clips softly, a room of decaying
noise. The same seed gives the same scene.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly

from edge_agent.audio.device import DeviceSettings
from edge_agent.core.pcm import SAMPLE_RATE_HZ
from edge_agent.errors import EdgeAgentError

Signal = NDArray[np.float64]
"""Samples from -1 to 1, 48 kHz mono."""

REVERBERATION_S = 0.25
"""T60 of a furnished room."""

DIRECT_TO_REVERBERANT_DB = 8.0
"""A microphone in the loudspeaker's own case."""

FAR_PEAK = 0.5
MICROPHONE_NOISE_DBFS = -65.0
LEAD_IN_S = 4.0
"""Both devices run in silence before the first word, as a daemon's do."""

FAR_ONLY_S = 20.0
DOUBLE_TALK_S = 20.0
FLITE_LIMIT_S = 30.0

FAR_VOICE = "slt"
FAR_TEXTS = (
    "Good morning. The weather today will be mostly cloudy, with a light wind from the west and some rain in "
    "the afternoon. Tomorrow it should be dry and a little warmer, so you could go for a walk.",
    "The recipe is simple. First boil the potatoes for about twenty minutes, then fry the onions in butter "
    "until they are golden. Mix everything in a large bowl, add salt and pepper, and serve it hot.",
    "Your next meeting is at half past three with the planning group. You asked me to remind you that the "
    "report is due on Friday, and that somebody has to book the room for next week.",
)
NEAR_TEXTS = (
    ("rms", "Stop, please. I wanted to know about the other thing. Can you tell me when the shop opens?"),
    ("awb", "Wait a moment. How many onions do I need for six people, and can I use oil in place of butter?"),
    ("rms", "No, cancel that meeting and call my sister. Tell her that I am going to be late this evening."),
    ("awb", "And what about Sunday? I would like to hear whether the train is on time, and then some music."),
)
PAUSE_S = 0.25
"""Between sentences."""


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which an echo can be hard.

    ``delay_s`` is from the write to the loudspeaker's device to the microphone, ``ppm`` how much faster the
    loudspeaker's clock is than the microphone's, ``drive`` how far the loudspeaker is driven into clipping,
    ``echo_db`` how loud its echo is relative to what is played, ``near_db`` how loud the person is relative
    to the echo. Silence for LEAD_IN_S, the loudspeaker alone for ``far_only_s``, then both for DOUBLE_TALK_S.
    """

    name: str
    delay_s: float
    far_only_s: float = FAR_ONLY_S
    ppm: float = 0.0
    drive: float = 2.0
    echo_db: float = -6.0
    near_db: float = 0.0

    @property
    def talk_at_s(self) -> float:
        """When the person begins to talk."""
        return LEAD_IN_S + self.far_only_s


@dataclass(frozen=True, slots=True)
class Scene:
    """``far`` on the loudspeaker's clock; the rest, of which ``microphone`` is the sum, on the
    microphone's."""

    far: Signal
    near: Signal
    echo: Signal
    microphone: Signal


def make_scene(case: Case, seed: int = 3) -> Scene:
    """Compute a case. Raises SceneError if flite is missing."""
    chance = np.random.default_rng(seed)
    samples = round((case.talk_at_s + DOUBLE_TALK_S) * SAMPLE_RATE_HZ)
    silent = round(LEAD_IN_S * SAMPLE_RATE_HZ)
    answer = _spoken([(FAR_VOICE, text) for text in FAR_TEXTS], samples - silent)
    far = np.concatenate([np.zeros(silent), answer])
    distorted = np.tanh(case.drive * far) / case.drive
    wet = fftconvolve(distorted, _room(chance))[:samples]
    heard = _on_other_clock(wet, case.delay_s - DeviceSettings().playout_fill_s, case.ppm)
    echo = heard * _db(case.echo_db) * rms(far) / rms(heard)
    near = np.zeros(samples)
    talk = _spoken(list(NEAR_TEXTS), round(DOUBLE_TALK_S * SAMPLE_RATE_HZ))
    near[samples - len(talk) :] = talk * _db(case.near_db) * rms(echo) / rms(talk)
    noise = _db(MICROPHONE_NOISE_DBFS) * chance.standard_normal(samples)
    return Scene(far, near, echo, echo + near + noise)


def rms(signal: Signal) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(signal**2) + 1e-20))


def _room(chance: np.random.Generator) -> Signal:
    """Return an impulse response: the direct sound, 2 ms of nothing, and noise that decays by T60."""
    after_s = np.arange(round(REVERBERATION_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    response: Signal = chance.standard_normal(len(after_s)) * 10 ** (-3 * after_s / REVERBERATION_S)
    response[after_s < 0.002] = 0.0
    response *= _db(-DIRECT_TO_REVERBERANT_DB) / np.sqrt(np.sum(response**2))
    response[0] = 1.0
    return response


def _on_other_clock(signal: Signal, delay_s: float, ppm: float) -> Signal:
    """Return what a microphone samples of a signal that is ``delay_s`` on its way from the loudspeaker."""
    at = (np.arange(len(signal)) - delay_s * SAMPLE_RATE_HZ) * (1 + ppm * 1e-6)
    sampled: Signal = np.interp(at, np.arange(len(signal)), signal, left=0.0, right=0.0)
    return sampled


def _spoken(texts: list[tuple[str, str]], samples: int) -> Signal:
    """Return so many samples of texts, over and over, each voice as loud as the other."""
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ))
    voices = [part for voice, text in texts for part in (_say(voice, text), pause)]
    repeated = np.resize(np.concatenate(voices), samples)
    return repeated * FAR_PEAK


def _say(voice: str, text: str) -> Signal:
    """Return a text at 48 kHz, its loudest sample about 1.0."""
    flite = shutil.which("flite")
    if flite is None:
        raise EdgeAgentError("flite is missing, which speaks the echo's sentences: apt-get install flite")
    command = [flite, "-voice", voice, "-t", text, "-o", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, timeout=FLITE_LIMIT_S, check=True)
    with wave.open(io.BytesIO(done.stdout)) as sound:
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        times = SAMPLE_RATE_HZ // sound.getframerate()
    spoken: Signal = resample_poly(pcm / np.abs(pcm.astype(np.float64)).max(), times, 1)
    return spoken


def _db(level_db: float) -> float:
    return float(10 ** (level_db / 20))
