"""A stack's process: started, spoken to in JSON lines, measured from outside, and never left behind."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_agent.bench.errors import BenchError

LINE_LIMIT_BYTES = 16 << 20
"""The list of blocks of a long case has some hundred KiB."""

ANSWER_LIMIT_S = 20.0
STOP_LIMIT_S = 3.0
TAIL_LINES = 15
CLOCK_TICKS_HZ = os.sysconf("SC_CLK_TCK")


class StackProcess:
    """One running stack."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, log: Path, *, ends_by_signal: bool
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.name = name
        self.pid = process.pid
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._log = log
        self._ends_by_signal = ends_by_signal

    def failure(self, what: str) -> BenchError:
        """Return an error that says ``what`` happened to it and shows the end of its log."""
        return BenchError(f"{self.name} {what}; the end of its log:\n{_tail_of(self._log)}")

    def say(self, message: Mapping[str, object]) -> None:
        """Send one line."""
        self._stdin.write(json.dumps(message).encode() + b"\n")

    async def hear(self, key: str, limit_s: float = ANSWER_LIMIT_S) -> Any:
        """Return what the stack says under ``key`` next. Raises BenchError if it does not, in time."""
        try:
            async with asyncio.timeout(limit_s):
                line = await self._stdout.readline()
            return json.loads(line)[key]
        except (TimeoutError, ValueError, KeyError) as error:
            raise self.failure(f"did not say its {key}") from error

    async def stop(self) -> None:
        """Let it end by itself, then end it."""
        self._stdin.close()
        if self._ends_by_signal and self._process.returncode is None:
            self._process.terminate()
        ending = asyncio.ensure_future(self._process.wait())
        done, _ = await asyncio.wait({ending}, timeout=STOP_LIMIT_S)
        if not done:
            self._process.kill()
        await ending


@asynccontextmanager
async def running(
    name: str,
    command: tuple[str, ...],
    log: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
    *,
    ends_by_signal: bool = False,
) -> AsyncIterator[StackProcess]:
    """Run a process for the length of the block; what it complains of goes to ``log``. Raises BenchError.

    In the end its stdin is closed, and with ``ends_by_signal`` it gets SIGTERM.
    """
    with log.open("wb") as sink:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=sink,
                env={**os.environ, **environment},
                limit=LINE_LIMIT_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise BenchError(f"{name} can't be started: {command[0]}: {error.strerror}") from error
    child = StackProcess(name, process, log, ends_by_signal=ends_by_signal)
    try:
        yield child
    finally:
        await child.stop()


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used, all threads together (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_HZ


def memory_mib(pid: int) -> dict[str, float]:
    """Return the resident memory of a process, ``rss``, and its part of what is shared, ``pss``."""
    sizes = dict.fromkeys(("Rss", "Pss"), 0.0)
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name in sizes:
            sizes[name] = int(value.split()[0]) / 1024
    return {name.lower(): size for name, size in sizes.items()}


def _tail_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (empty)"
