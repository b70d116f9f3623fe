"""The virtual environment of the foreign server, made once and kept in the checkout's cache."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache"
SERVER = "speech-to-speech==1.1.0"
INSTALL_LIMIT_S = 900.0


@pytest.fixture(scope="session")
def speech_to_speech_python() -> Path:
    """The interpreter that can run the foreign server."""
    requirements = HERE / "requirements.txt"
    digest = hashlib.sha256(f"{SERVER} {sys.version}".encode() + requirements.read_bytes()).hexdigest()[:16]
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
    run(*pip, "--no-deps", SERVER)
    (venv / "complete").touch()
