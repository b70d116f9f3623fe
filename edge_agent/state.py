"""Where the daemon keeps what outlives it: a folder of its own, which one process at a time may use."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edge_agent.errors import StateTaken

LOCK_NAME = "lock"
"""The file that is locked; it holds the number of the process that has it, and is never removed."""

FOLDER_MODE = 0o700
"""What is in it tells how a household lives."""


def state_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder, which may not exist yet; None where there is no place for one.

    It is what systemd says (``StateDirectory=``, systemd.exec(5)), else ``edge-agent`` in the user's
    ``XDG_STATE_HOME`` (XDG Base Directory Specification 0.8), which is ``~/.local/state`` unless it is set.
    """
    if given := environment.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    for name, below in (("XDG_STATE_HOME", ""), ("HOME", ".local/state")):
        home = Path(environment.get(name, ""))
        if home.is_absolute():  # the specification: a relative path is invalid and is ignored
            return home / below / "edge-agent"
    return None


SERVICE_FOLDER = Path("/var/lib/edge-agent")
"""``StateDirectory=`` of the unit, for who is not the service."""


@contextmanager
def held(folder: Path | None) -> Iterator[Path | None]:
    """Make the folder and hold it for the length of the block; None where it can't be made or written to.

    Nothing is kept then: a read-only system is no reason to be silent. Raises StateTaken if another process
    has it. The lock ends with the process, however that ends.
    """
    lock = None if folder is None else _opened(folder)
    if folder is None or lock is None:
        yield None
        return
    try:
        _take(lock, folder)
        yield folder
    finally:
        os.close(lock)


def _opened(folder: Path) -> int | None:
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        return os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "of an unknown number"
        raise StateTaken(f"another edge-agent (process {owner}) uses {folder}; stop it first") from None
    with contextlib.suppress(OSError):  # a full disk: the number is only for the message
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
