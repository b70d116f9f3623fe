"""A listener at the daemon's loudspeaker: when there was sound, and what it was."""

from __future__ import annotations

import os
import select
import threading
import time
from itertools import pairwise
from pathlib import Path

from tests.processes import DEADLINE_S

AUDIBLE = 300
"""Largest sample of a block that somebody hears, -41 dBFS: above the noise of a codec, below any word."""

LOOK_AGAIN_S = 0.05

PARTED_S = 0.6
"""Longer than the pauses in a sentence."""


class Ear:
    """Reads the pipe ``path`` from now on until it is closed. Times are monotonic seconds."""

    def __init__(self, path: Path) -> None:
        self._heard: list[float] = []
        self._blocks: list[tuple[float, bytes]] = []
        self._changed = threading.Condition()
        self._ended = threading.Event()
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._listen, name="ear")
        self._thread.start()

    @property
    def last_heard_at(self) -> float:
        """When there was sound last, 0 if never."""
        with self._changed:
            return self._heard[-1] if self._heard else 0.0

    def wait_for_sound(self, after: float = 0.0, deadline_s: float = DEADLINE_S) -> float:
        """Return when the first sound came that came after that moment."""

        def first() -> float | None:
            return next((at for at in self._heard if at > after), None)

        with self._changed:
            self._changed.wait_for(lambda: first() is not None, deadline_s)
            heard_at = first()
        assert heard_at is not None, f"silence for {deadline_s} s"
        return heard_at

    def began_last_at(self) -> float:
        """When the newest sound began that came after PARTED_S of silence, 0 if none."""
        with self._changed:
            heard = [0.0, *self._heard]
        return next((at for before, at in reversed(list(pairwise(heard))) if at - before > PARTED_S), 0.0)

    def sound_since(self, after: float) -> bytes:
        """What came after that moment: 48 kHz mono s16le, its silences included."""
        with self._changed:
            return b"".join(block for at, block in self._blocks if at > after)

    def close(self) -> None:
        """Listen no longer."""
        self._ended.set()
        self._thread.join()
        os.close(self._pipe)

    def _listen(self) -> None:
        while not self._ended.is_set():
            select.select([self._pipe], [], [], LOOK_AGAIN_S)
            try:
                block = os.read(self._pipe, 65_536)
            except BlockingIOError:
                continue
            now = time.monotonic()
            if not block:
                self._ended.wait(LOOK_AGAIN_S)  # nobody has opened the other end yet
            else:
                self._take(block, now)

    def _take(self, block: bytes, now: float) -> None:
        with self._changed:
            self._blocks.append((now, block))
            if max(memoryview(block[: len(block) // 2 * 2]).cast("h")) > AUDIBLE:
                self._heard.append(now)
                self._changed.notify_all()
