"""A whole session against the embedded server: CPU and memory of the daemon and of applications that do the
same job. One process at a time; the server sends speech all the while, the microphone a quiet noise.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.bench.child import StackProcess, cpu_s, memory_mib, running
from edge_agent.bench.errors import BenchError
from edge_agent.bench.peers import HERE, NODE_ENVIRONMENT
from edge_agent.core.pcm import SAMPLE_RATE_HZ

SETTLE_S = 2.0
"""From the open channel to the first reading."""

START_LIMIT_S = 60.0
"""The server loads its acoustic model, the daemon imports everything; some ten seconds on a small board."""

CONTROL_LIMIT_S = 5.0

NOISE_DBFS = -55.0
"""A quiet room: work for an encoder, and nothing that a voice detector takes for speech."""

NOISE_S = 2.0
"""The applications repeat it, out of memory; the daemon reads a file of LONG_NOISE_S once."""

LONG_NOISE_S = 90.0

LEAST_PACKETS_PER_S = 45
"""Of 50: with fewer in either direction it was not a full-duplex session, and nothing is reported."""

TEXT = "The quick brown fox jumps over the lazy dog, and the dog looks after it for a while. " * 11
"""Almost a minute of speech, the most that the server says at once."""

LISTENING = re.compile(rb"listening on (http://127\.0\.0\.1:\d+)\s*")
EDGE_AGENT = (sys.executable, "-m", "edge_agent")


@dataclass(frozen=True, slots=True)
class Load:
    """What one process used in a session; shares of one core."""

    cpu_share: float
    rss_mib: float
    pss_mib: float

    def as_dict(self) -> dict[str, float | None]:
        """Return the figures by name."""
        return asdict(self)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """Run the embedded server and give its address. Raises BenchError."""
    with (folder / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *EDGE_AGENT, "serve", "--port", "0",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_LIMIT_S):
            line = await process.stdout.readline()
        found = LISTENING.fullmatch(line)
        if found is None:
            raise BenchError(f"the local server did not start; see: {' '.join(EDGE_AGENT)} serve")
        yield found[1].decode()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _write_noise(path: Path, duration_s: float) -> None:
    """Write a microphone's WAV file."""
    chance = np.random.default_rng(1)
    noise = chance.standard_normal(round(duration_s * SAMPLE_RATE_HZ)) * 32768 * 10 ** (NOISE_DBFS / 20)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE_HZ)
        sound.writeframes(noise.astype(np.int16).tobytes())


async def measure_session(stack: str, case: str, url: str, folder: Path, duration_s: float) -> Load | None:
    """Hold one session and return what it used; None if ``stack`` has no application for the case.

    Raises BenchError if it does not connect, or is not full duplex all the while.
    """
    command, environment = _application(stack, case, url, folder)
    if not command:
        return None
    known = {call["id"] for call in (await _state(url))["calls"]}
    log = folder / f"{case}-{stack}.log"
    async with running(stack, command, log, environment, ends_by_signal=True) as child:
        call = await _opened(child, url, known)
        await asyncio.to_thread(_request, f"{url}/control/say", {"text": TEXT})
        await asyncio.sleep(SETTLE_S)
        before, used_s, since_s = await _call(url, call), cpu_s(child.pid), time.monotonic()
        await asyncio.sleep(duration_s)
        used_s, wall_s = cpu_s(child.pid) - used_s, time.monotonic() - since_s
        after, memory = await _call(url, call), memory_mib(child.pid)
        _check_traffic(child, before, after, wall_s)
        return Load(used_s / wall_s, memory["rss"], memory["pss"])


def _application(stack: str, case: str, url: str, folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command line of a stack's application, () for none, and its environment."""
    noise = folder / "noise.wav"
    _write_noise(noise, NOISE_S)
    if stack == "edge-agent":
        config = folder / f"{case}.yaml"
        microphone = folder / "long-noise.wav"
        _write_noise(microphone, LONG_NOISE_S)
        write_config(config, url, microphone, has_echo_canceller=case == "session-aec")
        kept = {"XDG_STATE_HOME": str(folder), "STATE_DIRECTORY": ""}
        return (*EDGE_AGENT, "run", "--config", str(config)), kept
    if case != "session":
        return (), {}
    if stack == "aiortc":
        module = "edge_agent.bench.stacks.aiortc_session"
        return (sys.executable, "-m", module, url, str(noise)), {}
    if stack == "libwebrtc":
        return ("node", str(HERE / "libwebrtc_session.js"), url, str(noise)), NODE_ENVIRONMENT
    return (), {}


def write_config(path: Path, url: str, microphone: Path, *, has_echo_canceller: bool) -> None:
    """Write the daemon's configuration: full duplex, nobody hears the loudspeaker. JSON is YAML too."""
    sound: dict[str, object] = {"input": f"file:{microphone}", "output": "null", "duplex": "full"}
    sound["echo"] = {"cancellation": "software" if has_echo_canceller else "off"}
    config = {
        "mode": "always-on",
        "endpoints": [{"name": "bench", "profile": "local", "url": url}],
        "sound": sound,
        "gpio": {"factory": "none"},
    }
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


async def _opened(child: StackProcess, url: str, known: set[str]) -> str:
    """Return the name of the call that the child has opened."""
    try:
        async with asyncio.timeout(START_LIMIT_S):
            while True:
                for call in (await _state(url))["calls"]:
                    if call["id"] not in known and call["state"] == "open":
                        return str(call["id"])
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise child.failure("opened no session") from error


async def _call(url: str, name: str) -> dict[str, Any]:
    found = [call for call in (await _state(url))["calls"] if call["id"] == name]
    return found[0] if found else {}


def _check_traffic(child: StackProcess, before: dict[str, Any], after: dict[str, Any], wall_s: float) -> None:
    if not after:
        raise child.failure("lost its session")
    sent = after["packets_sent"] - before["packets_sent"]
    heard = (after["audio_ms"] - before["audio_ms"]) / 20
    if min(sent, heard) < LEAST_PACKETS_PER_S * wall_s:
        raise child.failure(f"got {sent} and sent {heard:.0f} packets in {wall_s:.0f} s; that is not all")


async def _state(url: str) -> dict[str, Any]:
    return await asyncio.to_thread(_request, f"{url}/control/state", None)


def _request(url: str, body: dict[str, object] | None) -> dict[str, Any]:
    """Ask the server on this machine. Raises BenchError."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(url, data, timeout=CONTROL_LIMIT_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise BenchError(f"the local server does not answer at {url}: {error}") from error
