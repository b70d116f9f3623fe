"""Keeps the ledger: its file, which a power cut leaves whole, and the clock that tells its hours."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_agent.core.commands import Tell
from edge_agent.core.events import ClockRead
from edge_agent.core.ledger import LONGEST_TEXT, LOST, Ledger, LedgerBroken
from edge_agent.core.notices import Notice
from edge_agent.core.tally import Tally
from edge_agent.session.daemon_thread import in_daemon_thread

logger = logging.getLogger(__name__)

FILE_NAME = "ledger.json"

CLOCK_PERIOD_S = 60.0
"""How often the clock is looked at."""

KEPT_LIMIT_S = 5.0
"""A session is opened after so long even if the disk has not written yet: a card that hangs must not silence
the device. The session's price is in the books by then, and nobody has spoken."""

FINISH_LIMIT_S = 1.0
"""How long the last write waits for one that hangs."""

LATEST_S = 250_000_000_000.0
"""Later times have no names of four digits for their years."""


def name_hour(wall_s: float) -> str:
    """Return the name of an hour of this machine's time zone, as ``2026-11-25T22``."""
    return time.strftime("%Y-%m-%dT%H", time.localtime(min(wall_s, LATEST_S)))


class Bookkeeper:
    """Keeps one ledger in ``folder``; None: nowhere. All methods are called in the event loop's thread.

    ``tell`` gets what a person should know, ``cautious`` is what counts as spent if the books are lost.
    """

    def __init__(self, folder: Path | None, cautious: Tally, tell: Callable[[Tell], None]) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self._tell = tell
        self._lock = threading.Lock()
        self._newest = 0
        """The number of the text that was asked to be kept last."""
        self._written = 0
        self._text = ""
        self._asked = asyncio.Event()
        self._kept = asyncio.Event()
        self._kept.set()
        self._fails = False
        self.ledger = self._read(cautious)
        """The books as they were kept, and the run that begins now."""

    def save(self, text: str) -> None:
        """Keep ``text`` soon; of several that wait, the last one."""
        self._newest += 1
        self._text = text
        self._kept.clear()
        self._asked.set()

    async def kept(self) -> None:
        """Wait until everything is kept, KEPT_LIMIT_S at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KEPT_LIMIT_S):
                await self._kept.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            number, text = self._newest, self._text
            try:
                await in_daemon_thread("ledger", partial(self._write, number, text))
            except OSError as error:
                self._failed(error)
            else:
                self._fails = False
            if number == self._newest:
                self._kept.set()

    def finish(self) -> None:
        """Keep what waits; call it after :meth:`run` has ended."""
        if self._kept.is_set():
            return
        try:
            self._write(self._newest, self._text)
        except OSError as error:
            self._failed(error)
        self._kept.set()  # whoever waits for it waits no longer

    def _write(self, number: int, text: str) -> None:
        if self._path is None or not self._lock.acquire(timeout=FINISH_LIMIT_S + KEPT_LIMIT_S):
            return
        try:
            if number > self._written:
                write_whole(self._path, text)
                self._written = number
        finally:
            self._lock.release()

    def _failed(self, error: OSError) -> None:
        if not self._fails:
            self._fails = True
            text = f"{self._path}: what is used can't be written down: {error.strerror}"
            self._tell(Tell(Notice.LEDGER_NOT_KEPT, text))

    def _read(self, cautious: Tally) -> Ledger:
        text, trouble = (None, "") if self._path is None else read_text(self._path)
        ledger = Ledger(name_hour)
        if text is not None:
            try:
                ledger = Ledger.read(text, name_hour)
            except LedgerBroken as error:
                trouble = str(error)
        now = asyncio.get_running_loop().time()
        ledger.begin(time.time(), now)
        if trouble:
            ledger.book(LOST, cautious)
            self._tell(Tell(Notice.LEDGER_BROKEN, self._put_aside(trouble)))
            self.save(ledger.text(now))
        return ledger

    def _put_aside(self, trouble: str) -> str:
        assert self._path is not None
        aside = self._path.with_name(f"{FILE_NAME}.broken")
        try:
            os.replace(self._path, aside)
        except OSError as error:
            return f"{self._path} can't be read ({trouble}) and not be put aside ({error.strerror})"
        return f"{self._path} can't be read ({trouble}); it is {aside} now, and new books are begun"


async def tell_time(post: Callable[[ClockRead], None]) -> None:
    """Tell what the clock shows until cancelled."""
    while True:
        post(ClockRead(time.time()))
        await asyncio.sleep(CLOCK_PERIOD_S)


def read_text(path: Path) -> tuple[str | None, str]:
    """Return the text of a ledger's file, None if there is none; and what is wrong if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_TEXT + 1).decode("ascii"), ""
    except FileNotFoundError:
        return None, ""
    except UnicodeDecodeError:
        return None, "it is no text"
    except OSError as error:
        return None, str(error.strerror)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that after a power cut there is the old one or the new one. Raises OSError.

    rename(2) is atomic; the data is on the disk before it, the name after the folder's own fsync(2).
    """
    new = path.with_name(f"{path.name}.new")
    with open(new, "w", encoding="ascii", opener=partial(os.open, mode=0o600)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
