"""A flag that one thread sleeps on until another raises it: what ``threading.Event`` is, for less.

That one makes a lock for each wait. The loudspeaker's thread waits fifty times a second, all day long, and it
was a sixth of its work.
"""

from __future__ import annotations

import threading
from contextlib import suppress


class Interrupt:
    """:meth:`wait` and :meth:`clear` belong to one thread, the rest to any. It is down at first."""

    def __init__(self) -> None:
        self._is_set = False
        self._bell = threading.Lock()
        self._bell.acquire()

    def is_set(self) -> bool:
        """Whether it was raised and not cleared since."""
        return self._is_set

    def set(self) -> None:
        """Raise it, and wake who waits."""
        self._is_set = True
        with suppress(RuntimeError):  # it has rung already
            self._bell.release()

    def clear(self) -> None:
        """Take it down."""
        self._is_set = False
        self._bell.acquire(blocking=False)

    def wait(self, limit_s: float) -> bool:
        """Sleep until it is raised, ``limit_s`` at most; returns whether it is.

        It may end early for one that was cleared a moment ago.
        """
        if not self._is_set:
            self._bell.acquire(timeout=limit_s)
        return self._is_set
