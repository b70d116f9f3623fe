"""WAV files in place of a sound card, at a card's pace.

The input plays the file once in real time and is silent afterwards. The output records everything that a
loudspeaker would have played, silence included, so a position in the file is a time.
"""

from __future__ import annotations

import logging
import os
import struct
import wave
from contextlib import ExitStack
from pathlib import Path

from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.pace import Pacer
from edge_agent.audio.resample import LAYOUTS, Resampler
from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, SAMPLE_BYTES, SAMPLE_RATE_HZ
from edge_agent.errors import AudioDeviceError

logger = logging.getLogger(__name__)

LOWEST_RATE_HZ = 8_000
HIGHEST_RATE_HZ = 48_000

HEADER_EVERY_PERIODS = 50
"""The header is brought up to date twice a second; a killed process loses no more than that."""

CHUNKS_PER_S = 5
"""200 ms are read at a time."""

HEADER_BYTES = 44
LARGEST_DATA_BYTES = 0xFFFF_FFFF - HEADER_BYTES
"""RIFF sizes have 32 bits: 12.4 hours at 48 kHz mono. What comes later is not recorded."""


class WavInput:
    """A microphone that hears a WAV file: PCM, 16 bit, mono or stereo, 8 to 48 kHz; then silence for ever.

    Opening it again begins at the file's beginning. Raises AudioDeviceError for a missing or unsuitable file.
    """

    xruns = 0
    drift_ppm = None

    def __init__(self, path: Path, block_periods: int = 1) -> None:
        self._path = path
        self._file = _open_for_reading(path)
        rate_hz, channels = self._file.getframerate(), self._file.getnchannels()
        is_native = (rate_hz, channels) == (SAMPLE_RATE_HZ, 1)
        self._resampler = None if is_native else Resampler(rate_hz, channels)
        self._chunk_frames = rate_hz // CHUNKS_PER_S
        self._pending = bytearray()
        self._block_bytes = block_periods * PERIOD_BYTES
        self._pacer = Pacer()
        self._has_ended = False

    @property
    def has_ended(self) -> bool:
        """Whether the file's last sample has been read."""
        return self._has_ended and not self._pending

    def read(self) -> bytes:
        """Wait for the time of one block and return the file's next, the last filled up with silence."""
        while len(self._pending) < self._block_bytes and not self._has_ended:
            self._fill()
        block = bytes(self._pending[: self._block_bytes]).ljust(self._block_bytes, b"\0")
        del self._pending[: self._block_bytes]
        self._pacer.move(len(block) / BYTES_PER_S)
        self._pacer.wait()
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _fill(self) -> None:
        try:
            frames = self._file.readframes(self._chunk_frames)
        except OSError as error:
            raise AudioDeviceError(f"{self._path}: can't be read: {error.strerror or error}") from error
        if self._resampler is None:
            self._pending += frames
        else:
            self._pending += self._resampler.feed(frames) if frames else self._resampler.finish()
        # A file that was cut off in the middle of a sample must not shift what follows.
        del self._pending[len(self._pending) - len(self._pending) % SAMPLE_BYTES :]
        self._has_ended = not frames


class WavOutput:
    """A loudspeaker that writes a WAV file: 48 kHz, mono, 16 bit. An existing file is replaced.

    Samples go to the operating system with each period and the header follows every HEADER_EVERY_PERIODS, so
    the file can be played at any time and after a crash. Raises AudioDeviceError when it can't be written.
    """

    xruns = 0
    drift_ppm = None
    restarts_in_time = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data_bytes = 0
        self._periods = 0
        self._is_full = False
        self._pacer = Pacer()
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                os.write(self._fd, _header(0))
            except OSError:
                os.close(self._fd)
                raise
        except OSError as error:
            raise self._failed(error) from error

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Wait until the last block would have been played, or ``interrupt`` is set."""
        self._pacer.wait(interrupt)

    def write(self, block: bytes) -> None:
        """Append one block."""
        self._pacer.wait()
        self._pacer.move(len(block) / BYTES_PER_S)
        if self._data_bytes + len(block) > LARGEST_DATA_BYTES:
            self._tell_full()
            return
        try:
            self._append(block)
        except OSError as error:
            raise self._failed(error) from error

    def drop(self) -> None:
        """Nothing waits: what is written counts as played."""

    def queued_s(self) -> float:
        """Nothing waits: what is written counts as played."""
        return 0.0

    def close(self) -> None:
        """Finish the header and close the file."""
        try:
            os.pwrite(self._fd, _header(self._data_bytes), 0)
        except OSError as error:
            logger.warning("%s: the header was not finished: %s", self._path, error.strerror)
        finally:
            os.close(self._fd)

    def _append(self, block: bytes) -> None:
        # At the place that the count says: a failed write must not leave half a block in the middle.
        os.pwrite(self._fd, block, HEADER_BYTES + self._data_bytes)
        self._data_bytes += len(block)
        self._periods += 1
        if self._periods % HEADER_EVERY_PERIODS == 0:
            os.pwrite(self._fd, _header(self._data_bytes), 0)

    def _tell_full(self) -> None:
        if not self._is_full:
            self._is_full = True
            logger.warning("%s: a WAV file holds no more than 4 GiB; the recording ends here", self._path)

    def _failed(self, error: OSError) -> AudioDeviceError:
        return AudioDeviceError(
            f"{self._path}: can't be written: {error.strerror}; expected a writable place for a WAV file"
        )


def _open_for_reading(path: Path) -> wave.Wave_read:
    with ExitStack() as unsuitable:
        try:
            file = unsuitable.enter_context(wave.open(str(path), "rb"))
        except OSError as error:
            raise AudioDeviceError(f"{path}: can't be read: {error.strerror}; expected a WAV file") from error
        except (wave.Error, EOFError) as error:
            raise AudioDeviceError(f"{path}: {_EXPECTED}; {error or 'it ends early'}") from error
        _check(file, path)
        unsuitable.pop_all()
    return file


def _check(file: wave.Wave_read, path: Path) -> None:
    got = f"{file.getsampwidth() * 8} bit, {file.getnchannels()} channels, {file.getframerate()} Hz"
    is_suitable = (
        file.getsampwidth() == SAMPLE_BYTES
        and file.getnchannels() in LAYOUTS
        and LOWEST_RATE_HZ <= file.getframerate() <= HIGHEST_RATE_HZ
    )
    if not is_suitable:
        convert = "ffmpeg -i OLD.wav -ac 1 -ar 48000 -c:a pcm_s16le NEW.wav"
        raise AudioDeviceError(f"{path}: {_EXPECTED}, got {got}; convert it: {convert}")


_EXPECTED = "expected a WAV file with PCM, 16 bit, mono or stereo, 8 to 48 kHz"


def _header(data_bytes: int) -> bytes:
    """The canonical 44 bytes before PCM data: http://soundfile.sapp.org/doc/WaveFormat/."""
    byte_rate = SAMPLE_RATE_HZ * SAMPLE_BYTES
    return struct.pack(
        *("<4sI4s4sIHHIIHH4sI", b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE", b"fmt ", 16),
        *(1, 1, SAMPLE_RATE_HZ, byte_rate, SAMPLE_BYTES, SAMPLE_BYTES * 8, b"data", data_bytes),
    )
