"""A machine that behaves like a board with its service: Debian's own systemd as PID 1 in namespaces.

Kernel and clock are the host's; processes, mounts, host name, network and control groups are the board's own,
so that it leaves nothing behind. Its network is a loopback of its own; a single command may borrow the host's
network, to reach the package registries. Needs root.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.board.roots import ENDS_WITH_US, copy_repository, registry_environment, remove_tree

BOOT_LIMIT_S = 60.0
"""systemd 252 boots in 1.3 s and 257 in 0.5 s on an idle 2-core machine."""

SHUTDOWN_LIMIT_S = 30.0
COMMAND_LIMIT_S = 60.0
POLL_S = 0.1

CLONE = "/root/edge-agent"
"""Where a board has its clone of the repository."""

ENTER = Path(__file__).with_name("enter.sh")
_INIT = (
    *("env", "-i", "container=lxc", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
    *("sh", "-c", 'exec "$@" </dev/console >/dev/console 2>&1', "sh"),
    *("/lib/systemd/systemd", "--show-status=yes"),
)
_POWER_OFF_SIGNAL = signal.SIGRTMIN + 4
"""systemd(1): starts poweroff.target."""


class Board:
    """One running system. Use :func:`booted`."""

    def __init__(self, root: Path, work: Path) -> None:
        self._root = root
        self._work = work
        self._cgroup = _new_cgroup(f"edge-agent-board-{os.getpid()}-{root.name}")
        self._console: list[bytes] = []
        self._unshare: subprocess.Popen[bytes] | None = None
        self._init_pid = 0
        self.boot_s = 0.0

    def boot(self) -> None:
        """Start systemd and wait until it has booted; RuntimeError with the console's text if not."""
        copy_repository(self._work / "upper" / CLONE.lstrip("/"))
        started = time.monotonic()
        ours, theirs = pty.openpty()
        namespaces = ("--mount", "--propagation=private", "--pid", "--uts", "--ipc", "--net", "--cgroup")
        enter = [str(ENTER), str(self._root), str(self._work), os.ttyname(theirs), *_INIT]
        into_cgroup = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self._cgroup)]
        self._unshare = subprocess.Popen(
            [*into_cgroup, *ENDS_WITH_US, "unshare", *namespaces, "--fork", "--kill-child", "bash", *enter],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        threading.Thread(target=self._read_console, args=(ours,), name="console", daemon=True).start()
        try:
            wait_until(self._has_booted, BOOT_LIMIT_S, "the board has booted")
        except TimeoutError as error:
            raise RuntimeError(f"{error}; its console:\n{self.console()[-4000:]}") from error
        finally:
            os.close(theirs)
        self.boot_s = time.monotonic() - started

    def run(
        self,
        *command: str,
        network: bool = False,
        check: bool = True,
        limit_s: float = COMMAND_LIMIT_S,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the board; AssertionError with its output if it fails and ``check`` is set.

        ``network``: with the host's network instead of the board's, for package registries.
        """
        into = ["--mount", "--uts", "--ipc", "--pid", "--cgroup", *([] if network else ["--net"])]
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        variables |= {"LANG": "C.UTF-8"} | (registry_environment() if network else {}) | (environment or {})
        ended = subprocess.run(
            ["nsenter", f"--target={self._init_pid}", *into, "--", "env", "-i"]
            + [f"{name}={value}" for name, value in variables.items()]
            + ["timeout", str(limit_s), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s + COMMAND_LIMIT_S,
            check=False,
        )
        if check and ended.returncode != 0:
            output = f"{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
            raise AssertionError(f"{' '.join(command)} ended with {ended.returncode}:\n{output}")
        return ended

    def write(self, path: str, text: str) -> None:
        """Write a text file on the board, its folder included."""
        target = Path(f"/proc/{self._init_pid}/root") / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path: str) -> str:
        """Read a text file of the board."""
        return (Path(f"/proc/{self._init_pid}/root") / path.lstrip("/")).read_text()

    def journal(self, *matches: str) -> list[dict[str, str]]:
        """Return the journal's entries that match, the oldest first."""
        output = self.run("journalctl", "--output=json", "--all", "--no-pager", *matches).stdout
        return [json.loads(line) for line in output.splitlines()]

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """Return properties of a unit, as ``systemctl show`` tells them."""
        output = self.run("systemctl", "show", unit, f"--property={','.join(names)}").stdout
        return dict(line.split("=", 1) for line in output.splitlines())

    def console(self) -> str:
        """What the console has shown so far."""
        return b"".join(self._console).decode(errors="replace")

    def power_off(self) -> float:
        """End the board and all its processes; return how long its own shutdown took, in seconds."""
        started = time.monotonic()
        try:
            if self._unshare is not None and self._unshare.poll() is None:
                if self._init_pid:
                    os.kill(self._init_pid, _POWER_OFF_SIGNAL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._unshare.wait(SHUTDOWN_LIMIT_S if self._init_pid else 0)
            return time.monotonic() - started
        finally:
            if self._unshare is not None:
                self._unshare.kill()  # with it goes its child, PID 1 of the namespace, and so everybody
                self._unshare.wait()
            _remove_cgroup(self._cgroup)

    def _has_booted(self) -> bool:
        assert self._unshare is not None
        if self._unshare.poll() is not None:
            raise RuntimeError(f"the board ended while booting; its console:\n{self.console()[-4000:]}")
        if not self._init_pid:
            self._init_pid = _only_child(self._unshare.pid)
        if not self._init_pid or not Path(f"/proc/{self._init_pid}/root/run/systemd/private").exists():
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def _read_console(self, terminal: int) -> None:
        """Take what the console shows, so that it never blocks. Ends when nobody holds the other end."""
        with os.fdopen(terminal, "rb", buffering=0) as stream, contextlib.suppress(OSError):
            while text := stream.read(4096):
                self._console.append(text)


@contextlib.contextmanager
def booted(root: Path, work: Path) -> Iterator[Board]:
    """Boot a board from ``root``; what it writes is under ``work``, which goes with it at the block's end."""
    remove_tree(work)
    work.mkdir(parents=True)
    board = Board(root, work)
    try:
        board.boot()
        yield board
    finally:
        board.power_off()
        remove_tree(work)


def wait_until(holds: Callable[[], bool], limit_s: float, what: str) -> float:
    """Poll until ``holds()`` and return the seconds that took; TimeoutError names ``what`` did not come."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > limit_s:
            raise TimeoutError(f"after {limit_s:.0f} s still not: {what}")
        time.sleep(POLL_S)
    return time.monotonic() - started


def _only_child(pid: int) -> int:
    """The process that ``unshare --fork`` made: PID 1 of the new namespace; 0 before it exists."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return 0
    return int(children[0]) if children else 0


def _new_cgroup(name: str) -> Path:
    """Make a control group for one board, so that its systemd has a tree of its own."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    unified = next(Path(mount[1]) for mount in mounts if mount[2] == "cgroup2")
    own = next(
        line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")
    )
    cgroup = unified / own.lstrip("/") / name
    cgroup.mkdir()
    return cgroup


def _remove_cgroup(cgroup: Path) -> None:
    """Remove an empty tree of control groups, the innermost first, unless it is gone already."""
    if not cgroup.exists():
        return
    for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
        folder.rmdir()
    cgroup.rmdir()
