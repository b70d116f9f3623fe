"""The two processes of a demo: started in their own sessions, watched, and never left behind."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.demo.errors import DemoError
from edge_agent.demo.options import DemoOptions
from edge_agent.protocol.dialect import Dialect

LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:\d+)\s*")
"""The server's first line on stdout."""

START_LIMIT_S = 60.0
"""The server loads its acoustic model first: 2 s on a PC, some ten on a small board with a slow card."""

TAIL_LINES = 15
"""How much of a log is shown when its process failed."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a child gets when its parent dies, however that happens."""


@dataclass(slots=True)
class Child:
    """A process with its log. ``name`` is what a person calls it."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    stop_limit_s: float
    exit_code: int | None = None
    had_to_be_killed: bool = False

    @property
    def complaint(self) -> str:
        """What was wrong with its end, "" if it ended by itself when asked to, and was content."""
        if self.had_to_be_killed:
            return f"{self.name} had to be killed"
        return f"{self.name} ended with exit code {self.exit_code}" if self.exit_code else ""

    def failure(self, what: str) -> DemoError:
        """Return an error that says ``what`` happened to it and shows the end of its log."""
        return DemoError(f"{self.name} {what}; the end of its log:\n{tail_of(self.log)}")

    async def ended(self) -> DemoError:
        """Wait until it ends by itself, and return that as a failure."""
        code = await self.process.wait()
        return self.failure(f"ended early with exit code {code}")

    async def stop(self) -> None:
        """End it within ``stop_limit_s``: asked first, then killed."""
        if self.process.returncode is None:
            self.process.terminate()
        # Not asyncio.timeout(): in a task that was cancelled it never expires on Python 3.11.2 (Debian 12).
        ending = asyncio.ensure_future(self.process.wait())
        done, _ = await asyncio.wait({ending}, timeout=self.stop_limit_s)
        if not done:
            self.had_to_be_killed = True
            self.process.kill()
        self.exit_code = await ending


@asynccontextmanager
async def running(
    name: str, command: tuple[str, ...], log: Path, stop_limit_s: float, *, reads_stdout: bool = False
) -> AsyncIterator[Child]:
    """Run a process for the length of the block. Raises DemoError if it can't start.

    Its output goes to ``log``, except for stdout if ``reads_stdout``. What it keeps, it keeps beside the log.
    """
    die_with_parent = _prepare_death_signal()
    with log.open("wb") as sink:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if reads_stdout else sink,
                stderr=sink,
                env={**os.environ, "XDG_STATE_HOME": str(log.parent), "STATE_DIRECTORY": ""},
                start_new_session=True,  # Ctrl-C in the terminal is for the demo; it ends them in order
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise DemoError(f"{name} can't be started: {command[0]}: {error.strerror}") from error
    child = Child(name, process, log, stop_limit_s)
    try:
        yield child
    finally:
        await child.stop()


async def wait_for_address(server: Child) -> str:
    """Return the server's URL as soon as it says it. Raises DemoError when it does not."""
    assert server.process.stdout is not None
    try:
        async with asyncio.timeout(START_LIMIT_S):
            line = await server.process.stdout.readline()
    except TimeoutError as error:
        raise server.failure(f"was not ready within {START_LIMIT_S:.0f} s") from error
    found = LISTENING.fullmatch(line.decode(errors="replace"))
    if found is None:
        raise server.failure(f"did not start (its first line: {line!r})")
    return found[1]


def write_config(path: Path, url: str, options: DemoOptions, devices: tuple[str, str], socket: Path) -> None:
    """Write the daemon's configuration; ``devices`` are input and output. JSON is YAML too."""
    endpoint: dict[str, object] = {"name": "demo", "profile": "local", "url": url}
    endpoint["transport"] = options.transport.value
    if options.dialect is not Dialect.GA:
        endpoint["overrides"] = {"dialect": options.dialect.value}
    config = {
        "mode": "always-on",
        "endpoints": [endpoint],
        "session": {"transcription": {"model": "local"}},
        "sound": {"input": devices[0], "output": devices[1], "duplex": "half"},
        "gpio": {"factory": "none"},
        "control": {"socket": str(socket), "transcripts": True, "raw_events": True},
    }
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def tail_of(log: Path) -> str:
    """Return the last lines of a log, or a word that there are none."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    except OSError:
        lines = []
    return "\n".join(f"    {line}" for line in lines) or "    (empty)"


def _prepare_death_signal() -> Callable[[], None]:
    """Return what makes a new process die with this one; it runs between fork and exec."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def die_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # it died between fork and prctl

    return die_with_parent
