"""The unit and its companions: what systemd says about them, and what sound and WebRTC need."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_agent.errors import ExitCode

SYSTEMD = Path(__file__).parent.parent / "systemd"
UNIT = SYSTEMD / "edge-agent.service"
SERVER_UNIT = SYSTEMD / "edge-agent-local.service"
MAX_EXPOSURE = 1.5
"""Of 10, by ``systemd-analyze security``; systemd's own resolver has 2.2."""


def settings(path: Path) -> dict[str, list[str]]:
    """Every assignment of a unit file, in order, by name."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if re.match(r"[A-Z]\w*=", line):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", [UNIT, SERVER_UNIT], ids=lambda path: path.name)
def test_the_sandbox_is_tight(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", str(unit)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", ended.stdout)
    assert overall is not None, ended.stdout
    assert float(overall[1]) <= MAX_EXPOSURE, ended.stdout


@pytest.mark.parametrize("original", [UNIT, SERVER_UNIT], ids=lambda path: path.name)
def test_systemd_understands_every_line(original: Path, tmp_path: Path) -> None:
    program = tmp_path / "edge-agent"
    shutil.copy("/bin/true", program)
    unit = tmp_path / original.name
    unit.write_text(original.read_text().replace("/opt/edge-agent/current/bin/edge-agent", str(program)))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    about_us = [
        line for line in ended.stderr.splitlines() if "edge-agent" in line and "is not executable" not in line
    ]
    assert about_us == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MemoryDenyWriteExecute", "no", "DTLS never completes with it, silently"),
        ("ProcSubset", "all", "gpiozero and ALSA read /proc"),
        ("Restart", "always", "nobody is there to start it again"),
        ("StartLimitIntervalSec", "0", "nobody is there to start it again"),
        ("RestartPreventExitStatus", str(int(ExitCode.CONFIG)), "no restart mends a configuration"),
        ("WorkingDirectory", "/run/edge-agent", "lgpio makes its pipes there"),
        ("Nice", "-10", "a sound thread also waits for the thread that has the interpreter"),
        ("LimitCORE", "0", "a core dump holds sound and the key"),
    ],
)
def test_a_setting_that_was_learnt_the_hard_way_stays(name: str, value: str, reason: str) -> None:
    assert settings(UNIT)[name] == [value], reason


def test_ice_may_list_the_interfaces() -> None:
    assert "AF_NETLINK" in settings(UNIT)["RestrictAddressFamilies"][0].split()


def test_sound_cards_that_come_late_are_allowed_by_number() -> None:
    allowed = settings(UNIT)["DeviceAllow"]
    assert "char-116 rw" in allowed
    assert not any("char-alsa" in device for device in allowed)


def test_no_shell_can_be_run() -> None:
    assert settings(UNIT)["NoExecPaths"] == ["/"]
    executable = settings(UNIT)["ExecPaths"][0].split()
    assert not any(
        Path(shell).is_relative_to(path) for shell in ("/bin/sh", "/usr/bin/dash") for path in executable
    )


def test_the_drop_in_for_newer_systemd_keeps_the_reload() -> None:
    drop_in = configparser.ConfigParser(strict=True)
    drop_in.read(SYSTEMD / "edge-agent-systemd-254.conf")
    assert drop_in["Service"]["type"] == "notify-reload"
    assert drop_in["Service"]["execreload"] == ""
