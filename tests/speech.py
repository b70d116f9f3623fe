"""Speech for tests: spoken by flite, understood by pocketsphinx; nothing is recorded or downloaded.

``python -m tests.speech FILE`` prints what is understood in a WAV file.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import av
from pocketsphinx import Decoder

RATE_HZ = 48_000
SILENCE_100_MS = bytes(RATE_HZ // 10 * 2)


@functools.cache
def spoken(text: str, voice: str = "slt") -> bytes:
    """Return ``text`` as 48 kHz mono s16le with a tenth of a second of silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, timeout=30)
        return SILENCE_100_MS + resampled(path, RATE_HZ) + SILENCE_100_MS


def resampled(path: Path, rate_hz: int) -> bytes:
    """Return a WAV file's sound as mono s16le at another rate."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)


def recognised(path: Path) -> str:
    """Return the words that pocketsphinx makes out in a WAV file, in lower case.

    In a process of its own: it keeps Python's lock for a second and more, and other threads of a test are
    persons who speak and listen.
    """
    command = [sys.executable, "-m", "tests.speech", str(path)]
    return subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE, text=True).stdout.strip()


def _recognised(path: Path) -> str:
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(resampled(path, 16_000), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return "" if hypothesis is None else str(hypothesis.hypstr).lower()


def peak(path: Path) -> int:
    """Return the largest sample of a mono 16-bit WAV file, 0 to 32768."""
    with wave.open(str(path), "rb") as recording:
        samples = memoryview(recording.readframes(recording.getnframes())).cast("h")
    return max((abs(sample) for sample in samples), default=0)


if __name__ == "__main__":
    sys.stdout.write(_recognised(Path(sys.argv[1])) + "\n")
