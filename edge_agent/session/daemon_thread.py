"""Blocking calls that nobody can cancel, in threads that can't hold up the end of the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(name: str, call: Callable[[], T]) -> T:
    """Return what ``call`` returns, from a thread of its own. ``call`` may raise OSError and ValueError only.

    A loop's own executor waits for its threads when the process ends. If the caller is cancelled, the thread
    runs on and its result is dropped.
    """
    result: concurrent.futures.Future[T] = concurrent.futures.Future()
    result.set_running_or_notify_cancel()  # from here on cancelling the caller can't touch it

    def run() -> None:
        try:
            found = call()
        except (OSError, ValueError) as error:
            result.set_exception(error)
        else:
            result.set_result(found)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(result)
