"""What a process holds of the system: threads, children and open files, as /proc shows them."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holdings:
    """A count of each. ``files`` holds last names, and of pipes and sockets their kind alone."""

    threads: int
    children: tuple[int, ...]
    files: Counter[str]


def holdings(pid: int) -> Holdings:
    """Return what process ``pid`` holds now."""
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    children = sorted(int(child) for task in tasks for child in _children(task))
    return Holdings(len(tasks), tuple(children), Counter(_kind(file) for file in open_files(pid)))


def open_files(pid: int) -> list[str]:
    """Return the targets of all descriptors."""
    targets = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue  # closed in between
        targets.append(target)
    return targets


def _kind(file: str) -> str:
    return re.sub(r":\[\d+\]$", "", Path(file).name)


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []  # the thread has ended in between
