"""What the service manager hears, read at a real notification socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.supervision import Supervisor


class Manager:
    """The manager's end of the notification socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def heard(self) -> list[list[str]]:
        """Every datagram that has arrived, as lines. Local datagrams are there when the send returns."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode().splitlines())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def test_a_start_and_an_end_are_told_with_a_status(manager: Manager) -> None:
    supervisor = Supervisor()
    supervisor.ready("ready")
    supervisor.stopping("hanging up")
    assert manager.heard() == [["READY=1", "STATUS=ready"], ["STOPPING=1", "STATUS=hanging up"]]


def test_a_reload_carries_the_monotonic_time_and_ends_with_ready(manager: Manager) -> None:
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    supervisor = Supervisor()
    supervisor.reloading()
    supervisor.ready("ready")
    (reloading, ready) = manager.heard()
    assert reloading[0] == "RELOADING=1"
    told_us = int(reloading[1].removeprefix("MONOTONIC_USEC="))
    assert before_us <= told_us <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert ready[0] == "READY=1"


def test_a_status_is_sent_once_until_it_changes(manager: Manager) -> None:
    supervisor = Supervisor()
    supervisor.ready("ready")
    supervisor.status("ready")
    supervisor.status("listening")
    supervisor.status("listening")
    supervisor.status("ready")
    assert manager.heard() == [["READY=1", "STATUS=ready"], ["STATUS=listening"], ["STATUS=ready"]]


def test_a_reload_that_changed_nothing_leaves_the_status_alone(manager: Manager) -> None:
    supervisor = Supervisor()
    supervisor.ready("listening")
    supervisor.reloading()
    supervisor.ready()
    supervisor.status("listening")
    assert manager.heard()[2:] == [["READY=1"]]


def test_a_status_with_line_breaks_stays_one_field(manager: Manager) -> None:
    Supervisor().status("refused:\nREADY=1\r\n\x85STOPPING=1")
    assert manager.heard() == [["STATUS=refused: READY=1 STOPPING=1"]]


def test_the_watchdog_is_fed_at_half_its_period(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    supervisor = Supervisor()
    assert supervisor.watchdog_interval_s == 15.0
    supervisor.feed_watchdog()
    assert manager.heard() == [["WATCHDOG=1"]]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getppid())},
    ],
    ids=["unset", "zero", "no number", "another process"],
)
def test_nobody_watches_without_a_period_for_this_process(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Supervisor().watchdog_interval_s is None


def test_without_a_manager_every_call_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    supervisor = Supervisor()
    supervisor.ready("ready")
    supervisor.reloading()
    supervisor.feed_watchdog()
    supervisor.stopping("bye")
    assert supervisor.watchdog_interval_s is None


def test_a_manager_that_is_gone_is_a_warning_and_no_end(
    manager: Manager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor()
    manager.close()
    (tmp_path / "notify").unlink()
    supervisor.ready("ready")
    assert "the service manager can't be told READY=1" in caplog.text
