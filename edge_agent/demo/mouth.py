"""A synthetic person: questions spoken by flite into the daemon's microphone, a named pipe."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import wave
from pathlib import Path

from edge_agent.audio.resample import Resampler
from edge_agent.core.pcm import BYTES_PER_S
from edge_agent.demo.errors import DemoError

QUESTIONS = (
    "what time is it",
    "what is seven plus eight",
    "what can you do",
    "what day is it today",
    "what is nine times eight",
    "set a timer for twenty minutes",
    "what is twenty minus six",
    "good morning",
    "repeat after me the sun is shining",
)
"""Asked in this order, and again from the first when there are more turns."""

VOICE = "slt"
"""The voice of flite that the embedded server's recogniser understands best of those tried."""

SYNTHESIS_LIMIT_S = 20.0
"""One sentence takes 50 ms on a PC; the rest is for a small board under load."""

LATE_LIMIT_S = 5.0
"""The daemon takes sound in real time; one that is later than this at the end of a question does not read."""

CHUNK_BYTES = 4096
"""Within PIPE_BUF, so a write is all or nothing (pipe(7))."""

RETRY_S = 0.05
"""The pipe holds 0.7 s: looking so often keeps it from running dry."""


def find_flite() -> str:
    """Return flite's path. Raises DemoError when it is not installed."""
    flite = shutil.which("flite")
    if flite is None:
        raise DemoError(
            "without a sound card the demo speaks with flite, which is missing: sudo apt install flite"
        )
    return flite


async def synthesize(text: str) -> bytes:
    """Return ``text`` spoken: 48 kHz mono, signed 16 bit. Raises DemoError when flite can't."""
    flite = find_flite()
    with tempfile.TemporaryDirectory(prefix="edge-agent-") as folder:
        spoken = Path(folder) / "spoken.wav"
        command = (flite, "-voice", VOICE, "-t", text, "-o", str(spoken))
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(SYNTHESIS_LIMIT_S):
                exit_code = await process.wait()
        except TimeoutError as error:
            raise DemoError(f"flite did not speak {text!r} within {SYNTHESIS_LIMIT_S:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if exit_code != 0:
            raise DemoError(f"flite can't speak {text!r}: exit code {exit_code}")
        return _read(spoken)


def _read(spoken: Path) -> bytes:
    with wave.open(str(spoken), "rb") as file:
        resampler = Resampler(file.getframerate(), file.getnchannels())
        return resampler.feed(file.readframes(file.getnframes())) + resampler.finish()


async def say(pcm: bytes, pipe: Path) -> None:
    """Feed ``pcm`` into the microphone as fast as it is read; returns when all of it is in the pipe.

    Raises DemoError when nobody reads.
    """
    try:
        # Opening for writing without waiting fails unless somebody reads (fifo(7)).
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DemoError(f"the daemon does not listen on {pipe}: {error.strerror}") from error
    try:
        async with asyncio.timeout(len(pcm) / BYTES_PER_S + LATE_LIMIT_S):
            await _pour(pcm, descriptor)
    except TimeoutError as error:
        raise DemoError(f"the daemon has stopped listening on {pipe}") from error
    except BrokenPipeError as error:
        raise DemoError(f"the daemon has closed {pipe}") from error
    finally:
        os.close(descriptor)


async def _pour(pcm: bytes, descriptor: int) -> None:
    rest = memoryview(pcm)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest[:CHUNK_BYTES]) :]
        except BlockingIOError:
            await asyncio.sleep(RETRY_S)
