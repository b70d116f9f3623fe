"""The bench as a person starts it: real processes, real WebRTC, one case."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.bench import run
from edge_agent.bench.errors import BenchError
from edge_agent.bench.options import BenchOptions

LIMIT_S = 100.0


def test_it_says_what_is_missing_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "NEEDED", ("numpy", "no_such_module"))
    with pytest.raises(BenchError, match=r"needs no_such_module, .*; run scripts/bench"):
        run.run_bench(BenchOptions())


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
