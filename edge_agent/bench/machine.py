"""What the figures were measured on: ratios travel between machines, times do not."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_agent import __version__
from edge_agent.bench.peers import NODE_ENVIRONMENT

PACKAGES = ("aiortc", "aioice", "av", "numpy", "scipy", "pesq", "pystoi", "pywebrtc-audio")
COMMAND_LIMIT_S = 10.0


def describe() -> dict[str, object]:
    """Return processor, memory, system and the versions of everything that takes part; None is not there."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": int((_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) // 1024,
        "system": _field("/etc/os-release", "PRETTY_NAME", "="),
        "kernel": platform.release(),
        "load_1min": round(os.getloadavg()[0], 2),
        "versions": _versions(),
    }


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"edge-agent": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    found["libopus"] = _package("libopus0")
    found["node"] = _said("node", "--version")
    found["@roamhq/wrtc"] = _said(
        "node", "-p", "require('@roamhq/wrtc/package.json').version", environment=NODE_ENVIRONMENT
    )
    found["gstreamer"] = _package("libgstreamer1.0-0")
    return found


def _package(name: str) -> str | None:
    return _said("dpkg-query", "--show", "--showformat=${Version}", name)


def _said(*command: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return a command's output, None if it fails."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


def _field(path: str, name: str, mark: str = ":") -> str | None:
    """Return the first value of a name in a file of ``name: value`` lines, None if it is not there."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        key, found, value = line.partition(mark)
        if found and key.strip() == name:
            return value.strip().strip('"')
    return None
