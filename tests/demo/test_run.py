"""The demo with stand-ins for its two processes; see tests/test_demo.py for the real ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_agent.demo.interview import CONNECT_LIMIT_S

SCRIPT = Path(__file__).with_name("demo_with_stubs.py")
DEADLINE_S = 60.0
END_LIMIT_S = 5.0


@dataclass
class Finished:
    """What a demo left behind."""

    exit_code: int
    result: dict[str, Any]
    told: str
    folder: Path

    @property
    def problem(self) -> str:
        return self.told.partition("edge-agent demo: ")[2]


@dataclass
class StartedDemo:
    """A demo that runs; its temporary files are in ``folder``."""

    process: subprocess.Popen[str]
    folder: Path

    @property
    def daemon_pid(self) -> int | None:
        try:
            return int((self.folder / "daemon.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def finish(self) -> Finished:
        out, told = self.process.communicate(timeout=DEADLINE_S)
        lines = out.splitlines()
        assert len(lines) == 1, out
        assert {path.name for path in self.folder.iterdir()} <= {"daemon.pid"}, "temporary files are left"
        assert self.daemon_pid is None or not is_alive(self.daemon_pid)
        return Finished(self.process.returncode, json.loads(lines[0]), told, self.folder)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., StartedDemo]]:
    started: list[subprocess.Popen[str]] = []

    def start(server: str = "serves", daemon: str = "answers", turns: int = 1) -> StartedDemo:
        command = [sys.executable, str(SCRIPT), server, daemon, str(turns)]
        environment = {
            **os.environ, "TMPDIR": str(tmp_path), "STUB_PID_FILE": str(tmp_path / "daemon.pid"),
        }  # fmt: skip
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return StartedDemo(process, tmp_path)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone, before or after the file was opened
        return False


def test_every_question_is_asked_and_its_answer_is_reported(start: Callable[..., StartedDemo]) -> None:
    finished = start(turns=2).finish()
    assert finished.exit_code == 0, finished.told
    result = finished.result
    assert result["ok"] is True
    assert result["turns"] == [
        {"user": "question 1", "assistant": "answer 1", "voice_to_voice_ms": 101.0},
        {"user": "question 2", "assistant": "answer 2", "voice_to_voice_ms": 102.0},
    ]
    one_turn = ["listening", "thinking", "speaking", "ready"]
    assert [name for name, _ in result["states"]] == ["connecting", "ready", *one_turn, *one_turn]
    assert len(result["leds"]) == len(result["states"])
    assert result["events"] == {"error": 1, "response.done": 2}
    assert "2 of 2 turns answered with sound" in finished.told


def test_a_server_that_does_not_start_is_told_with_its_log(start: Callable[..., StartedDemo]) -> None:
    finished = start(server="refuses").finish()
    assert (finished.exit_code, finished.result["ok"]) == (1, False)
    assert "the server did not start" in finished.problem
    assert "the acoustic model is missing" in finished.problem


def test_a_server_that_dies_is_told_with_its_log(start: Callable[..., StartedDemo]) -> None:
    finished = start(server="dies", daemon="never-ready").finish()
    assert finished.exit_code == 1
    assert "the server ended early with exit code 4" in finished.problem
    assert "out of ideas" in finished.problem


def test_a_daemon_that_fails_is_told_at_once_with_its_log(start: Callable[..., StartedDemo]) -> None:
    began = time.monotonic()
    finished = start(daemon="has-no-microphone").finish()
    assert time.monotonic() - began < CONNECT_LIMIT_S
    assert finished.exit_code == 1
    assert "the daemon did not get ready: the state is failed" in finished.problem
    assert "microphone: No such device" in finished.problem


def test_a_daemon_that_dies_is_told_with_its_log(start: Callable[..., StartedDemo]) -> None:
    finished = start(daemon="dies").finish()
    assert finished.exit_code == 1
    assert "the daemon ended early with exit code 5" in finished.problem
    assert "no more" in finished.problem


def test_a_question_without_answer_fails_the_demo(start: Callable[..., StartedDemo]) -> None:
    finished = start(daemon="mute").finish()
    assert (finished.exit_code, finished.result["ok"]) == (1, False)
    assert finished.result["turns"] == [{"user": "question 1", "assistant": "", "voice_to_voice_ms": None}]
    assert "not answered" in finished.problem


def test_an_error_event_that_does_not_come_fails_the_demo(start: Callable[..., StartedDemo]) -> None:
    finished = start(daemon="ignores").finish()
    assert finished.exit_code == 1
    assert "did not answer a wrong event" in finished.problem


@pytest.mark.parametrize(
    ("server", "daemon", "who"), [("stubborn", "answers", "server"), ("serves", "stubborn", "daemon")]
)
def test_a_process_that_has_to_be_killed_fails_the_demo(
    start: Callable[..., StartedDemo], server: str, daemon: str, who: str
) -> None:
    finished = start(server, daemon).finish()
    assert (finished.exit_code, finished.result["ok"]) == (1, False)
    assert f"the {who} had to be killed" in finished.problem


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_everything_in_time(
    start: Callable[..., StartedDemo], number: signal.Signals, exit_code: int
) -> None:
    demo = start(turns=9)
    until(lambda: demo.daemon_pid is not None)
    sent_at = time.monotonic()
    demo.process.send_signal(number)
    demo.process.send_signal(number)
    finished = demo.finish()
    assert time.monotonic() - sent_at < END_LIMIT_S
    assert (finished.exit_code, finished.result["ok"]) == (exit_code, False)
    assert f"ended by {number.name}" in finished.told


def test_a_signal_ends_even_processes_that_do_not_listen(start: Callable[..., StartedDemo]) -> None:
    demo = start("stubborn", "stubborn")
    until(lambda: demo.daemon_pid is not None)
    demo.process.send_signal(signal.SIGINT)
    assert demo.finish().exit_code == 130


def test_a_killed_demo_takes_its_processes_with_it(start: Callable[..., StartedDemo]) -> None:
    demo = start()
    until(lambda: demo.daemon_pid is not None)
    pid = demo.daemon_pid
    assert pid is not None
    demo.process.kill()
    until(lambda: not is_alive(pid))
