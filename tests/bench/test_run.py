"""The bench as a person starts it: real processes, real WebRTC, one case."""

from __future__ import annotations

import ctypes.util
import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.bench import echo_table, run
from edge_agent.bench.errors import BenchError
from edge_agent.bench.options import BenchOptions
from tests.processes import Process
from tests.system.puppet import eventually

LIMIT_S = 100.0

ENDS_WITHIN_S = 10.0
"""After a signal, all processes of a bench."""


def test_it_says_what_is_missing_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "NEEDED", ("numpy", "no_such_module"))
    with pytest.raises(BenchError, match=r"needs no_such_module, .*; run scripts/bench"):
        run.run_bench(BenchOptions())


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in (*run.NEEDED, "pywebrtc_audio")),
    reason="the extras bench and aec are not installed",
)
@pytest.mark.parametrize("library", [None, "libspeexdsp.so.1"])
def test_a_peer_that_is_missing_in_the_echo_table_is_told(
    library: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: library)
    monkeypatch.setattr(echo_table, "rows", list)  # it takes a minute
    assert run.run_bench(BenchOptions(cases=("echo",))) == 0
    out, err = capsys.readouterr()
    advice = "apt-get install libspeexdsp1"
    assert (f"libspeexdsp was not measured: {advice}" in out) is (library is None)
    assert (f"libspeexdsp is not installed and not measured: {advice}" in err) is (library is None)


@pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="the extra bench is not installed")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_all_that_was_started(number: signal.Signals) -> None:
    options = ("--rounds", "1", "--cases", "session", "--stacks", "edge-agent")
    bench = Process([sys.executable, "-m", "edge_agent", "bench", *options])
    try:
        # The server, which is two, and the daemon.
        eventually(lambda: len(_descendants(bench.pid)) >= 3, "three processes")
        started = _descendants(bench.pid)
        bench.signal(number)
        assert bench.wait() == 128 + number
    finally:
        bench.end()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), "their end", ENDS_WITHIN_S)


def _descendants(pid: int) -> set[int]:
    """Processes that a process has started, and those that they have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:  # it has just ended
        return set()
    found = {int(child) for child in children}
    return found.union(*(_descendants(child) for child in found))


@pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="the extra bench is not installed")
def test_two_stacks_in_one_case_give_a_whole_report(tmp_path: Path) -> None:
    options = ("--rounds", "1", "--cases", "none", "--stacks", "edge-agent,aiortc")
    done = subprocess.run(
        (sys.executable, "-m", "edge_agent", "bench", "--json", *options, "--write-docs", str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert [(row["case"], row["stack"], row["rounds"]) for row in report["rows"]] == [
        ("none", "edge-agent", 1),
        ("none", "aiortc", 1),
    ]
    for row in report["rows"]:
        assert row["delay_ms"]["median"] > 0
        assert row["lost_share"] == 0
        assert row["cpu_share"] > 0
        assert row["rss_mib"] > 0
    assert report["barge_in_ms"]["n"] == 0
    assert "| none | edge-agent |" in (tmp_path / "performance.md").read_text()
    assert (tmp_path / "performance" / "delay.svg").read_text().startswith("<?xml")
