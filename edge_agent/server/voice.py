"""Text to packets: flite speaks, libopus encodes. One place for both libraries."""

from __future__ import annotations

import asyncio
import io
import logging
import shutil
import wave
from dataclasses import dataclass
from fractions import Fraction

from av import AudioFrame, AudioResampler
from av.audio.codeccontext import AudioCodecContext

from edge_agent.server.settings import DEFAULT_VOICE, CannotServe

logger = logging.getLogger(__name__)

SAMPLE_RATE_HZ = 16_000
"""Rate of the voices below. libopus takes it as it is."""

PACKET_S = 0.020
"""Length of a packet: the default of RFC 7587 section 4.2 and of WebRTC."""

PACKET_SAMPLES = int(SAMPLE_RATE_HZ * PACKET_S)

BIT_RATE = 32_000
"""Mono speech in full quality: RFC 7587 section 3.1.1 gives 28 to 40 kbit/s for fullband speech."""

COMPLEXITY = 5
"""Half of libopus' CPU time for no audible loss at this rate (measured: 12 ms for a second of speech)."""

VOICES = (DEFAULT_VOICE, "awb", "rms", "kal16")
"""Voices of flite with SAMPLE_RATE_HZ. Session voices of other names sound like the first."""

SYNTHESIS_DEADLINE_S = 20.0
"""A long answer takes 0.1 s on a PC."""

QUIET = 200
"""Largest sample that is still silence: -44 dBFS. flite begins and ends with a fifth of a second of it."""

MARGIN_SAMPLES = SAMPLE_RATE_HZ // 50
"""What is left of that silence: 20 ms."""

MAX_SPOKEN_CHARS = 1000
"""Longer texts are cut: one minute of speech."""

MAX_WAV_BYTES = 8 << 20
"""Four minutes of sound; more is a fault of the synthesiser."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Opus packets of PACKET_S each, and ``pcm``, what they were made of (SAMPLE_RATE_HZ, mono, s16le)."""

    packets: tuple[bytes, ...]
    pcm: bytes = b""

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return len(self.packets) * PACKET_S


class Voice:
    """Speaks. Raises CannotServe when flite is not installed."""

    def __init__(self, command: str = "flite") -> None:
        flite = shutil.which(command)
        if flite is None:
            raise CannotServe("the local server speaks with flite, which is missing: sudo apt install flite")
        self._flite = flite
        self.silence = encode(bytes(2 * PACKET_SAMPLES * 10)).packets[-2]

    async def speak(self, text: str, voice: str = VOICES[0], speed: float = 1.0) -> Speech | None:
        """Return ``text`` spoken at ``speed`` times the usual speed, or None when that failed."""
        name = voice if voice in VOICES else VOICES[0]
        wav = await self._wav(text[:MAX_SPOKEN_CHARS], name, speed)
        if wav is None:
            return None
        return await asyncio.to_thread(_encoded_wav, wav)

    async def _wav(self, text: str, name: str, speed: float) -> bytes | None:
        manner = ("-voice", name, "--setf", f"duration_stretch={1 / speed:.3f}")
        process = await asyncio.create_subprocess_exec(
            self._flite,
            *manner,
            *("-t", text, "-o", "/dev/stdout"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SYNTHESIS_DEADLINE_S):
                wav, _ = await process.communicate()
        except TimeoutError:
            logger.warning("flite did not speak within %.0f s", SYNTHESIS_DEADLINE_S)
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0 or not 0 < len(wav) <= MAX_WAV_BYTES:
            logger.warning("flite: exit code %s, %d bytes of sound", process.returncode, len(wav))
            return None
        return wav


def trimmed(pcm: bytes) -> bytes:
    """Return ``pcm`` without the silence around it, except for MARGIN_SAMPLES."""
    samples = memoryview(pcm).cast("h")
    first = next((index for index, sample in enumerate(samples) if abs(sample) > QUIET), len(samples))
    last = next((index for index, sample in enumerate(reversed(samples)) if abs(sample) > QUIET), 0)
    end = len(samples) - max(0, last - MARGIN_SAMPLES)
    return bytes(samples[max(0, first - MARGIN_SAMPLES) : end])


def encode(pcm: bytes) -> Speech:
    """Return ``pcm`` (SAMPLE_RATE_HZ, mono, s16le) as Opus, filled up with silence to whole packets."""
    encoder = AudioCodecContext.create("libopus", "w")
    encoder.bit_rate = BIT_RATE
    encoder.format = "s16"
    encoder.layout = "mono"
    encoder.sample_rate = SAMPLE_RATE_HZ
    encoder.options = {
        "application": "voip",
        "frame_duration": f"{PACKET_S * 1000:g}",
        "compression_level": str(COMPLEXITY),
    }
    pcm += bytes(-len(pcm) % (2 * PACKET_SAMPLES))
    packets = [bytes(packet) for frame in _frames(pcm) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return Speech(tuple(packet for packet in packets if packet), pcm)


def _frames(pcm: bytes) -> list[AudioFrame]:
    if not pcm:
        return []
    frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.planes[0].update(pcm)
    frame.sample_rate = SAMPLE_RATE_HZ
    frame.pts = 0
    frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
    cutter = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ, frame_size=PACKET_SAMPLES)
    return [*cutter.resample(frame), *cutter.resample(None)]


def _encoded_wav(wav: bytes) -> Speech | None:
    try:
        with wave.open(io.BytesIO(wav)) as sound:
            shape = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            pcm = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        logger.warning("flite wrote no WAV: %s", error)
        return None
    if shape != (SAMPLE_RATE_HZ, 1, 2):
        logger.warning("flite wrote %s, not %d Hz mono of 16 bit", shape, SAMPLE_RATE_HZ)
        return None
    return encode(trimmed(pcm))
