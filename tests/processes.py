"""Real processes for tests of the whole: the daemon, seen through control socket, log and exit code."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

DEADLINE_S = 30.0
"""Longest wait for anything that a test expects: generous, so that a busy machine breaks nothing."""

AHEAD_S = 0.2
"""What a daemon's microphone is ahead of the test: a third of what the pipe holds."""

END_LIMIT_S = 5.0
"""The daemon's own promise: it ends within this time after a signal."""

Message = dict[str, Any]


class Process:
    """A child process with its output collected line by line; ended by its owner in any case."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.command = command
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        with self._changed:
            return "\n".join(self.lines)

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def wait_for_line(self, text: str, deadline_s: float = DEADLINE_S, *, times: int = 1) -> str:
        """Return the first (or nth) line that holds ``text``."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        with self._changed:
            self._changed.wait_for(lambda: len(found()) >= times or not self._reader.is_alive(), deadline_s)
            lines = found()
        assert len(lines) >= times, f"no line with {text!r} within {deadline_s} s:\n{self.output}"
        return lines[times - 1]

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Wait for the end and return the exit code."""
        code = self._process.wait(deadline_s)
        self._reader.join(deadline_s)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def kill(self) -> None:
        """End it without a chance to clean up."""
        self._process.kill()
        self.wait()

    def end(self) -> int:
        """SIGTERM, then the exit code; killed if it does not end in time."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self.wait(2 * END_LIMIT_S)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class Watch:
    """Everything that the daemon's control socket said since the connection, and a way to answer."""

    def __init__(self, path: Path, deadline_s: float = DEADLINE_S) -> None:
        self.messages: list[Message] = []
        self._changed = threading.Condition()
        self._socket = _connect(path, deadline_s)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, **request: object) -> None:
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    @property
    def mark(self) -> int:
        """The place in ``messages`` from which on something is new."""
        with self._changed:
            return len(self.messages)

    def since(self, mark: int, kind: str) -> list[Message]:
        with self._changed:
            return [message for message in self.messages[mark:] if message["type"] == kind]

    def states(self, mark: int = 0) -> list[str]:
        """Names of all states in order; the one at the connection first, if there was one."""
        with self._changed:
            seen = [
                message["state"] if message["type"] == "hello" else message["name"]
                for message in self.messages[mark:]
                if message["type"] in ("hello", "state")
            ]
        return [name for name in seen if name is not None]

    def leds(self) -> list[str]:
        with self._changed:
            seen = [
                message["led"] if message["type"] == "hello" else message["name"]
                for message in self.messages
                if message["type"] in ("hello", "led")
            ]
        return [name for name in seen if name is not None]

    def wait_for(
        self, is_it: Callable[[Message], bool], what: str, deadline_s: float = DEADLINE_S, mark: int = 0
    ) -> Message:
        def found() -> Message | None:
            return next((message for message in self.messages[mark:] if is_it(message)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or not self._reader.is_alive(), deadline_s)
            message = found()
        assert message is not None, f"no {what} within {deadline_s} s; states: {self.states(mark)}"
        return message

    def wait_for_state(self, name: str, deadline_s: float = DEADLINE_S, mark: int = 0) -> None:
        """Wait until the daemon has been in that state at least once since ``mark``."""
        self.wait_for(
            lambda message: (
                (message["type"], message.get("name")) == ("state", name)
                or (message["type"], message.get("state")) == ("hello", name)
            ),
            f"state {name}",
            deadline_s,
            mark,
        )

    def wait_for_event(self, name: str, deadline_s: float = DEADLINE_S, mark: int = 0) -> None:
        """Wait for a protocol event by its name on the wire."""
        self.wait_for(
            lambda message: (message["type"], message.get("name")) == ("event", name),
            f"event {name}",
            deadline_s,
            mark,
        )

    def wait_for_notice(self, name: str, deadline_s: float = DEADLINE_S, mark: int = 0) -> str:
        message = self.wait_for(
            lambda message: (message["type"], message.get("notice")) == ("notice", name),
            f"notice {name}",
            deadline_s,
            mark,
        )
        return str(message["text"])

    def close(self) -> None:
        """End the connection. May be called again."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(END_LIMIT_S)
        self._socket.close()

    def _read(self) -> None:
        try:
            with self._socket.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    with self._changed:
                        self.messages.append(json.loads(line))
                        self._changed.notify_all()
        except OSError:
            return  # the daemon was killed: what waits on this watch says so
        finally:
            with self._changed:
                self._changed.notify_all()


def _connect(path: Path, deadline_s: float) -> socket.socket:
    deadline = time.monotonic() + deadline_s
    while True:
        client = socket.socket(socket.AF_UNIX)
        if client.connect_ex(str(path)) == 0:
            return client
        client.close()
        assert time.monotonic() < deadline, f"no control socket at {path} within {deadline_s} s"
        time.sleep(0.02)


class Daemon:
    """One `edge-agent run` with a microphone that the test speaks into and a recorded loudspeaker."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.socket = folder / "control.sock"
        self.config_path = folder / "edge-agent.yaml"
        self.microphone = folder / "microphone.fifo"
        self.loudspeaker = folder / "loudspeaker.wav"
        control = {"socket": str(self.socket), "transcripts": True, "raw_events": True}
        sound = {
            "input": f"fifo:{self.microphone}",
            "output": f"file:{self.loudspeaker}",
            **config.get("sound", {}),
        }
        self.config: dict[str, Any] = {**config, "sound": sound, "control": control}
        self.write_config(self.config)
        if not self.microphone.exists():
            os.mkfifo(self.microphone)
        self._pipe = os.open(self.microphone, os.O_RDWR | os.O_NONBLOCK)
        command = [sys.executable, "-m", "edge_agent", "run", "--config", str(self.config_path)]
        kept = {"XDG_STATE_HOME": str(folder / "state"), "STATE_DIRECTORY": ""}
        self.process = Process([*inside, *command], {**kept, **(environment or {})})
        self.watch = Watch(self.socket) if self._gets_to_its_socket() else None

    @property
    def seen(self) -> Watch:
        """What the control socket says. The daemon must have come up."""
        assert self.watch is not None, f"the daemon ended at once:\n{self.process.output}"
        return self.watch

    def reload(self) -> None:
        """Ask it to read its configuration again."""
        self.process.signal(signal.SIGHUP)

    def watch_again(self) -> Watch:
        """Connect to the control socket anew; a reload closes it for a moment."""
        self.seen.close()
        self.watch = Watch(self.socket)
        return self.watch

    def write_config(self, config: Mapping[str, Any]) -> None:
        self.config_path.write_text(yaml.safe_dump(dict(config)))

    def say(self, pcm_48k_mono: bytes) -> None:
        """Speak into the microphone at the pace of real time, and return when the last word is out.

        The pipe holds AHEAD_S of it, so that a test that is late makes no holes in a word.
        """
        period_bytes = 960
        began = time.monotonic() - AHEAD_S
        for index in range(0, len(pcm_48k_mono), period_bytes):
            wait_s = began + index / 96_000 - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)  # the pace of a person who speaks, not a wait for something to happen
            self._put(pcm_48k_mono[index : index + period_bytes])

    def close(self) -> int:
        """End the daemon and return its exit code. May be called again."""
        try:
            return self.process.end()
        finally:
            if self.watch is not None:
                self.watch.close()
            if self._pipe >= 0:
                os.close(self._pipe)
                self._pipe = -1

    def _put(self, block: bytes) -> None:
        try:
            os.write(self._pipe, block)
        except BlockingIOError:
            return  # nobody listens: what is said now is not heard

    def _gets_to_its_socket(self) -> bool:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and self.process.exit_code is None:
            if self.socket.exists():
                return True
            time.sleep(0.02)
        return False


@contextmanager
def running_daemon(
    config: Mapping[str, Any], environment: Mapping[str, str] | None = None, inside: Sequence[str] = ()
) -> Iterator[Daemon]:
    """Run a daemon for the length of the block; it is gone afterwards, whatever happened.

    ``inside`` goes before its command, and leads into another namespace.
    """
    # Not under pytest's own folder: its names can exceed the 107 bytes of a Unix socket's path.
    folder = Path(tempfile.mkdtemp(prefix="edge-agent-"))
    try:
        daemon = Daemon(folder, config, environment, inside)
        try:
            yield daemon
        finally:
            daemon.close()
            sys.stderr.write(daemon.process.output + "\n")  # pytest shows it if the test fails
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run any process for the length of the block."""
    process = Process(command, environment)
    try:
        yield process
    finally:
        process.end()


def free_port() -> int:
    """Return a TCP port of loopback that nobody has at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
