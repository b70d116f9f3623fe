"""A Realtime server that we did not write, as a process: Hugging Face speech-to-speech.

It is installed once, into a virtual environment in the checkout's cache: without its models, which begin with
torch and gigabytes; speech_to_speech_server.py puts stand-ins in their place.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import Process, running
from tests.system.local_server import LocalServer, until
from tests.system.renewals import Bench

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache"
PACKAGE = "speech-to-speech==1.1.0"
INSTALL_LIMIT_S = 900.0
START_LIMIT_S = 60.0

SESSIONS = 3
"""So many it holds at once; its own default is 1. A session that takes over needs the second. The slot of a
session that has ended is free only when the end has gone through the whole pipeline
(``_release_unit_after_drain`` in the server's websocket_router.py): one more is there for that."""

ENVIRONMENT = {"SPEECH_TO_SPEECH_ICE_SERVERS": "[]"}
"""No STUN server of the internet is asked."""


class ForeignServer(LocalServer):
    """One such server. Use it as ``with foreign_server() as server``."""

    def __init__(self, process: Process) -> None:
        self.process = process
        line = process.wait_for_line("Uvicorn running on", START_LIMIT_S)
        found = re.search(r"http://[\w.]+:\d+", line)
        assert found is not None, line
        self.url = found[0]

    def endpoint(self, deadlines: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The entry of a configuration that leads here by WebRTC, with that much patience."""
        return {**super().endpoint(deadlines), "name": "foreign", "profile": "huggingface"}

    def calls_made(self) -> int:
        """How many sessions there were; who was refused is not counted."""
        state = self.state()
        return len(state["calls"]) + len(state["ended_calls"])

    def tokens_billed(self) -> int:
        """How many tokens its responses were billed for so far."""
        return int(self._request("/v1/usage")["total_tokens"])

    def hang_up(self) -> None:
        """End every call over HTTP, as whoever runs the server may, and return when they are gone."""
        ids = {call["id"] for call in self.open_calls()}
        for call_id in ids:
            url = f"{self.url}/v1/realtime/calls/{call_id}"
            self._fetch(urllib.request.Request(url, method="DELETE"))
        until(lambda: not ids & {call["id"] for call in self.open_calls()}, "the calls are ended")


def command(port: int = 0, sessions: int = SESSIONS) -> list[str]:
    """What starts a server; 0 is any free port."""
    script = str(HERE / "speech_to_speech_server.py")
    return [str(installed()), script, str(port), str(sessions), sys.executable]


@contextmanager
def foreign_server(port: int = 0, sessions: int = SESSIONS) -> Iterator[ForeignServer]:
    """Run a server for the length of the block."""
    with running(command(port, sessions), ENVIRONMENT) as process:
        yield ForeignServer(process)


RENEWED = Bench(foreign_server, {"renewal": {"max_age_s": 5}})
"""Its sessions last for ever: they are renewed at an age that we name, the least that can be."""


def installed() -> Path:
    """Return the interpreter that can run it; the first call installs it."""
    requirements = HERE / "requirements.txt"
    digest = hashlib.sha256(f"{PACKAGE} {sys.version}".encode() + requirements.read_bytes()).hexdigest()[:16]
    CACHE.mkdir(exist_ok=True)
    venv = CACHE / f"speech-to-speech-{digest}"
    python = venv / "bin" / "python"
    with (CACHE / "speech-to-speech.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "complete").exists():
            _install(venv, python, requirements)
    return python


def _install(venv: Path, python: Path, requirements: Path) -> None:
    def run(*command: str) -> None:
        subprocess.run(command, check=True, timeout=INSTALL_LIMIT_S, stdin=subprocess.DEVNULL)

    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
    run(sys.executable, "-m", "venv", "--clear", str(venv))
    run(*pip, "--requirement", str(requirements))
    run(*pip, "--no-deps", PACKAGE)
    (venv / "complete").touch()
