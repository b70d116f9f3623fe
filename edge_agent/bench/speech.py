"""What everybody sends: spoken sentences, encoded once, and the clean sound that they decode to."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from edge_agent.audio.opus import OpusDecoder, OpusEncoder, OpusSettings
from edge_agent.bench.errors import BenchError
from edge_agent.bench.impairments import LEAD_OUT_S, PACKET_S, PACKET_SAMPLES
from edge_agent.core.pcm import SAMPLE_RATE_HZ

FLITE_RATE_HZ = 16_000
FLITE_LIMIT_S = 20.0

SENTENCES = (
    ("slt", "The kettle is on, and dinner will be ready in twenty minutes."),
    ("rms", "Good morning. It is seven o'clock, and the sun is already shining over the harbour."),
    (
        "slt",
        "Take the second road on the left, follow the river until you see a yellow house with a green roof, "
        "and then walk along the wall until somebody opens the gate for you.",
    ),
    ("rms", "Rain is likely in the evening. Please remember to bring an umbrella."),
)
"""Two voices, short sentences, and one long one without a pause: there, nothing can be hidden in silence."""

PAUSE_S = 0.3
"""Between sentences, as people make it."""

LEVEL_DBFS = -26.0
"""Active speech level, as ITU-T P.830 section 7.2.2 wants it for listening tests."""

SPEECH_DBFS = -45.0
"""A packet at least this loud holds speech: 20 dB below the level, and well above flite's silence."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Speech:
    """Opus packets of PACKET_S, what they decode to without any loss (48 kHz), and which hold speech."""

    packets: tuple[bytes, ...]
    clean: Samples
    is_speech: tuple[bool, ...]


def make_speech(duration_s: float) -> Speech:
    """Speak and encode. Raises BenchError if flite is missing or fails, OpusError without libopus."""
    count = round(duration_s / PACKET_S)
    pcm = _spoken(count * PACKET_SAMPLES)
    encoder, decoder = OpusEncoder(OpusSettings()), OpusDecoder()
    frames = pcm.reshape(count, PACKET_SAMPLES)
    packets = tuple(encoder.encode(frame.tobytes()) for frame in frames)
    clean = np.frombuffer(b"".join(decoder.decode(packet) for packet in packets), np.int16)
    levels = 20 * np.log10(rms(clean.reshape(count, PACKET_SAMPLES)) / 32768 + 1e-9)
    return Speech(packets, clean, tuple(bool(level > SPEECH_DBFS) for level in levels))


def rms(frames: NDArray[np.int16] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square of each row."""
    squares: NDArray[np.float64] = np.mean(frames.astype(np.float64) ** 2, axis=-1)
    return np.sqrt(squares)


def _spoken(samples: int) -> Samples:
    """Return so many samples of the sentences, over and over, at LEVEL_DBFS, the last LEAD_OUT_S silent."""
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ))
    once = np.concatenate([part for voice, text in SENTENCES for part in (say(voice, text), pause)])
    repeated = np.resize(once, samples)
    repeated[samples - round(LEAD_OUT_S * SAMPLE_RATE_HZ) :] = 0.0
    loud = repeated[np.abs(repeated) > 10 ** (SPEECH_DBFS / 20)]
    scaled = repeated * (10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(loud**2)))
    spoken: Samples = (np.clip(scaled, -1.0, 1.0) * 32767).astype(np.int16)
    return spoken


def say(voice: str, text: str) -> NDArray[np.float64]:
    """Return ``text`` at 48 kHz, full scale 1.0, without the silence around it."""
    flite = shutil.which("flite")
    if flite is None:
        raise BenchError("flite is missing, which speaks the test sentences: apt-get install flite")
    done = subprocess.run(
        [flite, "-voice", voice, "-t", text, "-o", "/dev/stdout"],
        capture_output=True,
        timeout=FLITE_LIMIT_S,
        check=False,
    )
    try:
        with wave.open(io.BytesIO(done.stdout)) as sound:
            shape = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            pcm = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    except (wave.Error, EOFError) as error:
        raise BenchError(f"flite wrote no sound (exit code {done.returncode}); run it by hand") from error
    if shape != (FLITE_RATE_HZ, 1, 2):
        raise BenchError(f"flite: expected {FLITE_RATE_HZ} Hz mono of 16 bit, got {shape}")
    loud = np.flatnonzero(np.abs(pcm) > 200)
    spoken: NDArray[np.float64] = resample_poly(pcm[loud[0] : loud[-1]] / 32768.0, 3, 1)
    return spoken
