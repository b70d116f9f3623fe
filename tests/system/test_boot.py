"""A board that has just been switched on: no network, no name server, a clock in 1970."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.certificates import FILE, self_signed
from tests.processes import Process, running, running_daemon
from tests.system.local_server import until
from tests.system.puppet import puppet

CLOUD = {
    "name": "cloud",
    "profile": "custom",
    "url": "https://realtime.example.org",
    "overrides": {"needs_key": False},
}

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)

CLOCK_LIMIT_S = 60.0
"""Promised are 15 s where nobody tells that the clock was set, as on this machine."""


def notes(process: Process, text: str) -> list[str]:
    return [line for line in process.lines if text in line]


def can_leave_the_network() -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None and subprocess.run([unshare, "-n", "true"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_leave_the_network(), reason="needs root for a network namespace of its own")
def test_without_any_interface_it_starts_waits_and_says_so_once(tmp_path: Path) -> None:
    config = tmp_path / "edge-agent.yaml"
    config.write_text(yaml.safe_dump({"endpoints": [CLOUD], "sound": {"input": "null", "output": "null"}}))
    command = ["unshare", "-n", sys.executable, "-m", "edge_agent", "run", "--config", str(config)]
    with running([*command, "--log-level", "debug"]) as process:
        process.wait_for_line("no session: the name realtime.example.org could not be resolved", times=3)
        warnings = [line for line in notes(process, "could not be resolved") if " warning " in line]
        assert len(warnings) == 1, "the same trouble is told once, and then only to who asks for details"
        assert process.end() == 0


def test_a_name_that_nobody_resolves_leads_to_the_next_endpoint() -> None:
    with puppet() as server, running_daemon({"endpoints": [CLOUD, server.endpoint]}) as daemon:
        daemon.seen.wait_for_state("ready")
        daemon.process.wait_for_line("endpoint puppet has taken over, because cloud can't be used: the name")


@pytest.mark.skipif(FAKETIME is None, reason="needs the package libfaketime")
def test_a_clock_in_1970_is_waited_for_and_found_set(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("1970-01-01 00:05:00")
    environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "SSL_CERT_FILE": str(tmp_path / FILE),
    }
    tls = self_signed(tmp_path, "127.0.0.1")
    with puppet(tls=tls) as server, running_daemon({"endpoints": [server.endpoint]}, environment) as daemon:
        daemon.process.wait_for_line("clock, which is not set and shows 1970-01-01")
        assert daemon.seen.states()[-1:] == ["connecting"]
        assert server.calls_made() == 0, "nothing is said to a server that nobody vouches for"
        step = tmp_path / "step"
        step.write_text("+0")
        os.replace(step, clock)
        daemon.seen.wait_for_state("ready", CLOCK_LIMIT_S)
        until(lambda: server.calls_made() == 1, "one call")
