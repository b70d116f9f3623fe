"""The two commands of README in a fresh Debian: run by hand now and then, it takes ten minutes or more.

::

    sudo .venv/bin/python -m tests.board.fresh_root bookworm
    sudo .venv/bin/python -m tests.board.fresh_root trixie --user

In a root with nothing but minbase, git and ca-certificates: clone, ``scripts/demo --json``, ``scripts/test``,
both again at once. Prints how long each took; the first failure ends it with exit code 1. Clones what is
committed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.board.board import ENTER
from tests.board.roots import (
    CACHE,
    ENDS_WITH_US,
    MINIMAL,
    REPOSITORY,
    SUITES,
    built_root,
    registry_environment,
    remove_tree,
)

STEP_LIMIT_S = 7200.0
"""Twice what fifteen rounds of scripts/bench take."""

STEPS = {
    "demo": "./scripts/demo --json",
    "test": "./scripts/test -q",
    "setup again": "./scripts/setup test",
    "demo and test at once": (
        "./scripts/demo --json >/tmp/demo.json & demo=$!; ./scripts/test -q & test=$!; "
        "wait $demo && wait $test && tail -n 1 /tmp/demo.json"
    ),
}
"""What is run, in this order, by its name."""

BECOME_USER = """
apt-get -qq update && apt-get -qq install --no-install-recommends sudo >/dev/null
useradd --create-home --shell /bin/bash person
echo 'person ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/person
echo 'Defaults env_keep += "%(variables)s"' >>/etc/sudoers.d/person
mv /root/edge-agent /home/person/ && chown -R person: /home/person
"""


def main() -> int:
    """Run the steps and return the exit code."""
    parser = argparse.ArgumentParser(description="Try the two commands in a fresh Debian root. Needs root.")
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--user", action="store_true", help="as a user with sudo instead of as root")
    parser.add_argument("--step", action="append", choices=STEPS, help="only this step; may be repeated")
    parser.add_argument("--command", help="a shell command to run in the clone, instead of all steps")
    arguments = parser.parse_args()
    work = CACHE / "fresh" / arguments.suite
    remove_tree(work)
    home = work / "upper" / "root"
    home.mkdir(parents=True, mode=0o700)
    clone = ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(home / "edge-agent")]
    subprocess.run(clone, timeout=120, check=True)
    root = built_root(arguments.suite, MINIMAL)
    try:
        if arguments.user:
            variables = " ".join(registry_environment())
            _run_step(root, work, "make a user", BECOME_USER % {"variables": variables}, user=False)
        steps = {"command": arguments.command} if arguments.command else STEPS
        for name in arguments.step or steps:
            if not _run_step(root, work, name, steps[name], user=arguments.user):
                return 1
    finally:
        remove_tree(work)
    return 0


def _run_step(root: Path, work: Path, name: str, script: str, *, user: bool) -> bool:
    """Run one step in namespaces of its own, which end with it; only the network is the host's."""
    print(f"== {name}: {script.strip()}", flush=True)  # noqa: T201  # a command's output
    started = time.monotonic()
    home = "/home/person" if user else "/root"
    inner = f"cd {home}/edge-agent 2>/dev/null; {script}"
    become = ["setpriv", "--reuid=person", "--regid=person", "--init-groups"] if user else []
    variables = {"HOME": home, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    environment = [f"{key}={value}" for key, value in (variables | registry_environment()).items()]
    reaper = ("bash", "-c", '"$@"; exit $?', "init")  # process 1: signals and orphans are special to it
    command = [
        *(
            *ENDS_WITH_US,
            "unshare",
            "--mount",
            "--propagation=private",
            "--pid",
            "--uts",
            "--ipc",
            "--fork",
            "--kill-child",
        ),
        *("bash", str(ENTER), str(root), str(work), "/dev/null"),
        *("env", "-i", *environment, *reaper, *become, "bash", "-c", inner),
    ]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=STEP_LIMIT_S, check=False)
    outcome = "ok" if ended.returncode == 0 else f"FAILED with {ended.returncode}"
    print(f"== {name}: {outcome} after {time.monotonic() - started:.1f} s", flush=True)  # noqa: T201  # as above
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
