"""Where state is kept, and that two processes don't keep it in one place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.errors import StateTaken
from edge_agent.state import held, state_folder
from tests.processes import running, running_daemon
from tests.system.puppet import puppet


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/edge-agent", "HOME": "/root"}, "/var/lib/edge-agent"),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/data/state", "HOME": "/root"}, "/data/state/edge-agent"),
        ({"XDG_STATE_HOME": "state", "HOME": "/root"}, "/root/.local/state/edge-agent"),
        ({"STATE_DIRECTORY": "", "HOME": "/root"}, "/root/.local/state/edge-agent"),
        ({"HOME": ""}, None),
        ({}, None),
    ],
)
def test_the_service_manager_decides_then_the_user(environment: dict[str, str], folder: str | None) -> None:
    assert state_folder(environment) == (None if folder is None else Path(folder))


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    with held(folder) as mine:
        assert mine == folder
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(StateTaken, match=rf"process \d+\) uses {folder}; stop it first"), held(folder):
            raise AssertionError("two hold it")
    with held(folder) as mine:
        assert mine == folder


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys, edge_agent.state as state\n"
        "with state.held(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -9
    with held(tmp_path) as mine:
        assert mine == tmp_path


def test_where_nothing_can_be_kept_it_works_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with held(tmp_path / "file" / "state") as mine:
        assert mine is None
    with held(None) as mine:
        assert mine is None


def test_a_second_daemon_with_the_same_state_ends_and_says_why(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    with puppet() as server, running_daemon({"endpoints": [server.endpoint]}, environment) as first:
        first.seen.wait_for_state("ready")
        second = [*first.process.command[:-1], str(tmp_path / "second.yaml")]
        (tmp_path / "second.yaml").write_text("sound: {input: 'null', output: 'null'}")
        with running(second, environment) as process:
            assert process.wait() == 75
            says = (
                f"another edge-agent (process {first.process.pid}) uses {tmp_path}/edge-agent; stop it first"
            )
            assert process.output == f"edge-agent: {says}"
        assert server.calls_made() == 1
