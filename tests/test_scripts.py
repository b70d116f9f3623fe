"""The shell scripts and the lock files: clean by shellcheck, complete, and plain when something fails."""

from __future__ import annotations

import re
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
SCRIPTS = sorted(
    path
    for folder in (REPOSITORY / "scripts", REPOSITORY / ".ci", REPOSITORY / "tests" / "board")
    for path in folder.iterdir()
    if path.is_file() and path.suffix in ("", ".sh")
)
LOCKS = sorted(REPOSITORY.glob("requirements*.lock"))


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a session of its own: what it sends to its process group is sent to nobody else."""
    command = ["bash", "-c", script, "script", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
        check=False,
        start_new_session=True,
    )


def named(lock: Path) -> dict[str, str]:
    """Packages of a lock file in normal form, each with the text of its entry."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", "\n" + re.sub(r"(?m)^ *#.*\n?", "", lock.read_text()))
    found = {}
    for entry in filter(str.strip, entries):
        name = re.match(r"\s*([A-Za-z0-9._-]+)==", entry)
        assert name is not None, entry
        found[re.sub(r"[-_.]+", "-", name[1]).lower()] = entry
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    command = ["shellcheck", "--external-sources", str(script.relative_to(REPOSITORY))]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_can_be_run_unless_it_is_to_be_sourced(script: Path) -> None:
    is_to_be_run = script.read_text().startswith("#!")
    assert bool(script.stat().st_mode & 0o111) == is_to_be_run or script.suffix == ".sh"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_hashes_and_comes_by_name(lock: Path) -> None:
    for name, entry in named(lock).items():
        assert "--hash=sha256:" in entry, name
    assert not re.search(r"://|^-|file:|@ ", lock.read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ("offline", "live")), ("requirements-dev.lock", ("dev",))]
)
def test_a_lock_holds_everything_that_the_project_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["gpio"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!;~ ]", want)[0]).lower() for want in wanted}
    assert names - {"edge-agent"} <= named(REPOSITORY / lock).keys()


def test_what_runs_and_what_is_tested_are_the_same_versions() -> None:
    runs, tested = named(REPOSITORY / "requirements.lock"), named(REPOSITORY / "requirements-dev.lock")
    assert {name: entry.split()[0] for name, entry in runs.items()} == {
        name: tested[name].split()[0] for name in runs
    }


def test_a_failed_step_says_what_happened_and_what_to_do_next(tmp_path: Path) -> None:
    ended = run(
        f"source scripts/steps.sh; begin {tmp_path}/log 3; step 'fetching things';"
        " run 'check the network' bash -c 'echo no route to host; exit 7'; echo not reached"
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "[1/3] fetching things" in ended.stderr
    assert "no route to host" in ended.stderr
    assert f"step 1 failed (status 7); everything it printed is in {tmp_path}/log" in ended.stderr
    assert ended.stderr.endswith("Next step: check the network\n")


def test_ctrl_c_is_no_failure_of_the_step_that_it_ends(tmp_path: Path) -> None:
    ended = run(
        f"source scripts/steps.sh; begin {tmp_path}/log 1; step 'fetching things';"
        " run 'check the network' bash -c 'trap \"exit 1\" INT; kill -INT 0; sleep 60'; echo not reached"
    )
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr.endswith("interrupted; run this again to go on\n")
    assert "check the network" not in ended.stderr


def test_steps_that_work_keep_stdout_for_what_follows(tmp_path: Path) -> None:
    ended = run(
        f"source scripts/steps.sh; begin {tmp_path}/log 1; step 'speaking'; run '' echo loud; echo result"
    )
    assert (ended.returncode, ended.stdout) == (0, "result\n")
    assert "loud" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("machine", "is_packaged", "is_313", "wants"),
    [
        ("aarch64", True, True, True),
        ("aarch64", True, False, False),
        ("aarch64", False, True, False),
        ("x86_64", True, True, False),
    ],
    ids=["Raspberry Pi OS 13", "Raspberry Pi OS 12: a wheel exists", "Debian 13", "PC"],
)
def test_the_pin_library_comes_from_the_system_only_where_no_wheel_exists(
    machine: str, is_packaged: bool, is_313: bool, wants: bool
) -> None:
    system = f"uname() {{ echo {machine}; }}; apt-cache() {{ {str(is_packaged).lower()}; }}; "
    python = str(is_313).lower()  # true(1) and false(1) answer the question for the version as Python would
    ended = run(f"{system} source scripts/steps.sh; wants_system_lgpio {python}")
    assert (ended.returncode == 0) == wants


@pytest.mark.parametrize("script", ["install", "uninstall", "setup", "lock"])
def test_wrong_arguments_are_answered_with_the_usage(script: str) -> None:
    ended = run(f"scripts/{script} --no-such-option")
    assert ended.returncode == 2
    assert f"usage: scripts/{script}" in ended.stderr


@pytest.mark.parametrize("script", ["install", "uninstall", "setup", "lock"])
def test_help_is_given_without_doing_anything(script: str) -> None:
    ended = run(f"scripts/{script} --help")
    assert ended.returncode == 0
    assert f"usage: scripts/{script}" in ended.stdout
